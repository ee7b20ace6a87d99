import { ApiError, type Batch } from '@slipway/client';
import { count } from '@slipway/shared/formatting';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { Button } from '../components/button.js';
import { Confirm } from '../components/confirm.js';
import { Empty } from '../components/empty.js';
import { describeError, ErrorPanel } from '../components/error-panel.js';
import { Figure, Figures } from '../components/figures.js';
import { Loading } from '../components/loading.js';
import { Page, Section } from '../components/page.js';
import { Elapsed, Time } from '../components/time.js';
import { queryKeys, refresh } from '../live/live-queries.js';
import { useClient, useScope } from '../session/session-context.js';
import type { Cell } from './batch-jobs.js';
import styles from './batches.module.css';
import { Comparison } from './comparison.js';
import { Failures } from './failures.js';
import { JobGrid } from './job-grid.js';
import { Labels } from './labels.js';
import { Legend, ProgressBar } from './progress.js';
import { useBatchCells } from './use-batch-cells.js';

export function BatchPage() {
  const { id = '' } = useParams();
  const client = useClient();
  const batch = useQuery({
    queryKey: queryKeys.batch(id),
    queryFn: ({ signal }) => client.getBatch({ id, signal }),
  });
  if (batch.isPending) return <Loading />;
  if (batch.isError) {
    const missing = batch.error instanceof ApiError && [404, 422].includes(batch.error.status);
    return (
      <Page title="Batch">
        {missing ? (
          <Empty title="Batch not found">
            It belongs to another tenant, or retention removed it. The address names <code>{id}</code>.
          </Empty>
        ) : (
          <ErrorPanel error={batch.error} retry={() => void batch.refetch()} />
        )}
      </Page>
    );
  }
  return <BatchView batch={batch.data} />;
}

function BatchView({ batch }: { batch: Batch }) {
  const { id, counts, created_at, finished_at, estimated_end_at, jobs_per_minute, labels, total } = batch;
  const rate =
    jobs_per_minute === undefined
      ? '–'
      : `${jobs_per_minute.toLocaleString('en', { maximumSignificantDigits: 3 })} a minute`;
  return (
    <Page
      title={`Batch of ${count(total, 'job')}`}
      beside={<Labels labels={labels} />}
      lead={
        <>
          <code>{id}</code> · submitted <Time at={created_at} />
        </>
      }
      actions={<Actions batch={batch} />}
    >
      <Section>
        <ProgressBar batch={batch} />
        <Legend counts={counts} />
        <Figures>
          <Figure
            name="State"
            value={
              batch.state === 'finished' ? 'Finished' : batch.state === 'stopping' ? 'Stopping' : 'Running'
            }
          />
          <Figure
            name={finished_at === undefined ? 'For' : 'Took'}
            value={<Elapsed from={created_at} to={finished_at} />}
          />
          <Figure name="Rate" value={rate} />
          {finished_at === undefined ? (
            <Figure
              name="Estimated end"
              value={estimated_end_at === undefined ? 'not known yet' : <Time at={estimated_end_at} />}
            />
          ) : (
            <Figure name="Ended" value={<Time at={finished_at} />} />
          )}
        </Figures>
      </Section>
      <Failures batch={batch} />
      <Jobs batch={batch} />
      <Comparison batch={batch} />
    </Page>
  );
}

const none: readonly Cell[] = [];

function Jobs({ batch: { id, counts, total } }: { batch: Batch }) {
  const [params, setParams] = useSearchParams();
  const onlyFailures = params.get('show') === 'failed';
  const jobs = useBatchCells(id);
  const { cells = none, complete = false } = jobs.data ?? {};
  const shown = useMemo(
    () => (onlyFailures ? cells.filter(({ state }) => state === 'failed') : cells),
    [cells, onlyFailures],
  );
  return (
    <Section
      title="Jobs"
      beside={
        <label className={styles.filter}>
          <input
            type="checkbox"
            checked={onlyFailures}
            onChange={(event) =>
              setParams(event.target.checked ? { show: 'failed' } : {}, { replace: true, flushSync: true })
            }
          />
          Only failures ({counts.failed})
        </label>
      }
    >
      {jobs.isError && <ErrorPanel error={jobs.error} retry={() => void jobs.refetch()} />}
      {complete && shown.length === 0 && (
        <Empty title={onlyFailures ? 'Nothing has failed' : 'This batch no longer has jobs'} />
      )}
      {shown.length > 0 && <JobGrid cells={shown} />}
      {!complete && !jobs.isError && (
        <Loading
          label={`Loading jobs, ${cells.length.toLocaleString('en')} of ${total.toLocaleString('en')}`}
        />
      )}
    </Section>
  );
}

function Actions({ batch: { id, state, counts } }: { batch: Batch }) {
  const client = useClient();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const mayWrite = useScope('jobs:write');
  const title = mayWrite ? undefined : 'Needs a token with the scope jobs:write';
  const retry = useMutation({
    mutationFn: () => client.retryBatch({ id, which: 'failed' }),
    onSuccess: (next) => navigate(`/batches/${next.id}`),
  });
  const unsuccessful = counts.failed + counts.canceled;
  return (
    <>
      {state !== 'finished' && (
        <Confirm
          title="Cancel this batch?"
          text={`${counts.queued} queued and ${count(counts.running, 'running job')} are canceled. Finished builds stay.`}
          action="Cancel the batch"
          danger
          onConfirm={async () => {
            await client.cancelBatch({ id });
            refresh(queries, [queryKeys.batch(id), queryKeys.batches]);
          }}
        >
          {(opener) => (
            <Button kind="danger" disabled={!mayWrite} title={title} {...opener}>
              Cancel
            </Button>
          )}
        </Confirm>
      )}
      {state === 'finished' && unsuccessful > 0 && (
        <Button
          kind="primary"
          disabled={!mayWrite || retry.isPending}
          title={title}
          onClick={() => retry.mutate()}
        >
          Retry {unsuccessful} that did not succeed
        </Button>
      )}
      {retry.isError && <span role="alert">{describeError(retry.error).text}</span>}
    </>
  );
}
