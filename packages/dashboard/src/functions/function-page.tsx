import type { FunctionView } from '@slipway/client';
import { formatDuration, shortHash } from '@slipway/shared/formatting';
import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import { Copyable } from '../components/copyable.js';
import { DataTable } from '../components/data-table.js';
import { Empty } from '../components/empty.js';
import { ErrorPanel } from '../components/error-panel.js';
import { Loading } from '../components/loading.js';
import { Page, Section } from '../components/page.js';
import { StateBadge } from '../components/state-badge.js';
import { Time } from '../components/time.js';
import { Fact, Tags } from '../jobs/fact.js';
import facts from '../jobs/jobs.module.css';
import { OptionFacts } from '../jobs/option-facts.js';
import { queryKeys } from '../live/live-queries.js';
import { useClient } from '../session/session-context.js';
import { HistoryChart } from './history-chart.js';
import { RebuildLink } from './rebuild-link.js';

export function FunctionPage() {
  const { namespace = '', name = '' } = useParams();
  const full = `${namespace}/${name}`;
  const client = useClient();
  const found = useQuery({
    queryKey: [...queryKeys.functions, full],
    queryFn: ({ signal }) => client.getFunction({ namespace, name, signal }),
  });
  return (
    <Page
      title={full}
      actions={found.data && <RebuildLink select={{ functions: full }}>Rebuild…</RebuildLink>}
    >
      {found.isPending && <Loading label="Loading the function" />}
      {found.isError && <ErrorPanel error={found.error} retry={() => void found.refetch()} />}
      {found.data && <FunctionDetails view={found.data} />}
    </Page>
  );
}

function FunctionDetails({ view }: { view: FunctionView }) {
  const { spec, last_success, base_images, history = [] } = view;
  return (
    <>
      <Section title="Last good image">
        {last_success ? (
          <dl className={facts.facts}>
            <Fact name="Image" wide>
              <Copyable value={last_success.result.image} label="image" />
            </Fact>
            {last_success.result.digest !== undefined && (
              <Fact name="Digest" wide>
                <Copyable value={last_success.result.digest} label="digest" />
              </Fact>
            )}
            <Fact name="Built">
              <Link to={`/jobs/${last_success.job}`}>
                <Time at={last_success.finished_at} />
              </Link>{' '}
              in {formatDuration(last_success.result.duration_ms)}
            </Fact>
            <Fact name="Base images">
              {base_images.length === 0 ? (
                <span className="soft">From scratch</span>
              ) : (
                <code>{base_images.join(', ')}</code>
              )}
            </Fact>
          </dl>
        ) : (
          <Empty title="None yet">No job of this function has succeeded so far.</Empty>
        )}
      </Section>
      <Section title="Last jobs">
        {history.length === 0 && <Empty title="None">No retained job names this function.</Empty>}
        {history.length > 0 && (
          <>
            <HistoryChart history={history} large />
            <DataTable label="Last jobs" columns={['State', 'Submitted', 'Took', 'Digest', 'Ended with']}>
              {history.map(({ job, state, created_at, duration_ms, digest, code }) => (
                <tr key={job}>
                  <td>
                    <StateBadge state={state} />
                  </td>
                  <td>
                    <Link to={`/jobs/${job}`}>
                      <Time at={created_at} />
                    </Link>
                  </td>
                  <td className="numbers">{duration_ms === undefined ? '–' : formatDuration(duration_ms)}</td>
                  <td>{digest !== undefined && <code title={digest}>{shortHash(digest)}</code>}</td>
                  <td>{code !== undefined && <code>{code}</code>}</td>
                </tr>
              ))}
            </DataTable>
          </>
        )}
      </Section>
      <Section title="Spec of a rebuild">
        <dl className={facts.facts}>
          <Fact name="Image" wide>
            <Copyable value={spec.image} label="image that is built" />
          </Fact>
          <Fact name="Source" wide>
            <Copyable value={spec.source.digest} label="source digest" />
          </Fact>
          {spec.template && <Fact name="Template">{spec.template.name}</Fact>}
          {spec.platforms.length > 0 && <Fact name="Platforms">{spec.platforms.join(', ')}</Fact>}
          <Tags name="Labels" values={spec.labels} />
          <Tags name="Build arguments" values={spec.build_args} />
          <OptionFacts spec={spec} />
        </dl>
      </Section>
    </>
  );
}
