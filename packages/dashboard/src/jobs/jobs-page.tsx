import { type Client, hasEnded, type Job, type JobState } from '@slipway/client';
import { jobStates } from '@slipway/shared/contracts';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { useFilters } from '../address/use-filters.js';
import { Button } from '../components/button.js';
import { DataTable } from '../components/data-table.js';
import { Empty } from '../components/empty.js';
import { ErrorPanel } from '../components/error-panel.js';
import fields from '../components/fields.module.css';
import { FilterChoice, FilterField } from '../components/filter-field.js';
import { Loading } from '../components/loading.js';
import { Page } from '../components/page.js';
import { StateBadge } from '../components/state-badge.js';
import { Elapsed, Time } from '../components/time.js';
import { queryKeys } from '../live/live-queries.js';
import { useClient } from '../session/session-context.js';
import styles from './jobs.module.css';

const names = ['state', 'function', 'image', 'batch', 'label'] as const;
const columns = ['State', 'Job', 'Image', 'Submitted', 'Took', 'Ended with'];
const pageSize = 50;

type Filters = Partial<Record<(typeof names)[number], string>>;

export function JobsPage() {
  const client = useClient();
  const { filters, setFilter, clear, any } = useFilters(names);
  const jobs = useInfiniteQuery({
    queryKey: [...queryKeys.jobs, filters],
    queryFn: ({ pageParam, signal }) => listJobs({ client, filters, cursor: pageParam, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
  });
  const rows = jobs.data?.pages.flatMap((page) => page.jobs) ?? [];
  const field = (name: (typeof names)[number]) => ({
    value: filters[name] ?? '',
    onChange: (value: string) => setFilter(name, value),
  });
  return (
    <Page title="Jobs">
      <search className={fields.filters} aria-label="Filters">
        <FilterChoice label="State" all="Any state" choices={jobStates} {...field('state')} />
        <FilterField label="Function" placeholder="namespace/name" {...field('function')} />
        <FilterField label="Image" placeholder="registry/team/app" {...field('image')} />
        <FilterField label="Batch" placeholder="batch_…" {...field('batch')} />
        <FilterField label="Label" placeholder="team=core" {...field('label')} />
        {any && (
          <Button size="small" onClick={clear}>
            Clear filters
          </Button>
        )}
      </search>
      {jobs.isPending && <Loading label="Loading jobs" />}
      {jobs.isError && <ErrorPanel error={jobs.error} retry={() => void jobs.refetch()} />}
      {jobs.isSuccess && rows.length === 0 && <NoJobs filtered={any} />}
      {rows.length > 0 && (
        <DataTable label="Jobs" columns={columns}>
          {rows.map((job) => (
            <JobRow key={job.id} job={job} />
          ))}
        </DataTable>
      )}
      {jobs.hasNextPage && (
        <p className={fields.more}>
          <Button disabled={jobs.isFetchingNextPage} onClick={() => void jobs.fetchNextPage()}>
            {jobs.isFetchingNextPage ? 'Loading…' : 'Show older jobs'}
          </Button>
        </p>
      )}
    </Page>
  );
}

interface ListOptions {
  readonly client: Client;
  readonly filters: Filters;
  readonly cursor: string | undefined;
  readonly signal: AbortSignal;
}

/** Returns a page of jobs. The server checks the text of the filters. */
function listJobs({ client, filters: { label, state, ...filters }, cursor, signal }: ListOptions) {
  const query = {
    ...filters,
    limit: pageSize,
    ...(state !== undefined && { state: state as JobState }),
    ...(label !== undefined && { label: [label] }),
    ...(cursor !== undefined && { cursor }),
  };
  return client.listJobs({ query, signal });
}

function JobRow({ job }: { job: Job }) {
  const { id, state, image, created_at, started_at, finished_at, error, result } = job;
  const ended = hasEnded(state);
  return (
    <tr>
      <td>
        <StateBadge state={state} />
      </td>
      <td>
        <Link to={`/jobs/${id}`} title={id}>
          {job.function ?? id}
        </Link>
      </td>
      <td className={styles.image} title={image}>
        <code>{image}</code>
      </td>
      <td>
        <Time at={created_at} />
      </td>
      <td>
        {started_at === undefined || (ended && finished_at === undefined) ? (
          <span className="soft">–</span>
        ) : (
          <Elapsed from={started_at} to={finished_at} />
        )}
      </td>
      <td className="soft">{error ? <code>{error.code}</code> : result?.cached ? 'unchanged' : ''}</td>
    </tr>
  );
}

function NoJobs({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty title="No job matches these filters">Remove a filter, or show all jobs.</Empty>;
  return (
    <Empty title="No jobs yet">
      A job is one image to build. <code>slipway build . --image registry.example/hello:1</code> submits one,{' '}
      <code>slipway publish</code> a whole <code>stack.yaml</code>.
    </Empty>
  );
}
