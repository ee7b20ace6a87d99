import type { Batch, BatchFailures } from '@slipway/client';
import { count } from '@slipway/shared/formatting';
import { useMutation, useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from 'react-router';
import { Button } from '../components/button.js';
import { describeError, ErrorPanel } from '../components/error-panel.js';
import { Section } from '../components/page.js';
import { queryKeys } from '../live/live-queries.js';
import { useClient, useScope } from '../session/session-context.js';
import styles from './batches.module.css';

/** Limit of the jobs that are named for a cause. */
const maxNames = 12;

/** The failures of a batch by cause. Shows nothing while there are none. */
export function Failures({ batch }: { batch: Batch }) {
  const client = useClient();
  const { id, counts } = batch;
  const failures = useQuery({
    queryKey: [...queryKeys.batch(id), 'failures', counts.failed],
    queryFn: ({ signal }) => client.listBatchFailures({ id, signal }),
    enabled: counts.failed > 0,
    placeholderData: (before) => before,
  });
  if (counts.failed === 0) return null;
  return (
    <Section title="Failures by cause">
      {failures.isError && <ErrorPanel error={failures.error} retry={() => void failures.refetch()} />}
      <ul className={styles.causes}>
        {failures.data?.groups.map((group) => (
          <Cause key={group.cause} batch={batch} group={group} />
        ))}
      </ul>
    </Section>
  );
}

interface CauseProps {
  readonly batch: Batch;
  readonly group: BatchFailures['groups'][number];
}

function Cause({ batch: { id, state }, group }: CauseProps) {
  const client = useClient();
  const navigate = useNavigate();
  const mayWrite = useScope('jobs:write');
  const retry = useMutation({
    mutationFn: () => client.retryBatch({ id, cause: group.cause }),
    onSuccess: (next) => navigate(`/batches/${next.id}`),
  });
  const more = group.count - Math.min(group.jobs.length, maxNames);
  return (
    <li>
      <p>
        <strong>{count(group.count, 'job')}</strong> <code>{group.code}</code>
      </p>
      <pre className={styles.lastLine}>{group.last_line ?? group.detail}</pre>
      <p>
        {group.jobs.slice(0, maxNames).map((job) => (
          <Link key={job.id} to={`/jobs/${job.id}`} className={styles.failedJob}>
            {job.function ?? job.image}
          </Link>
        ))}
        {more > 0 && <span className="soft">and {more.toLocaleString('en')} more</span>}
      </p>
      {state === 'finished' && (
        <Button
          size="small"
          disabled={!mayWrite || retry.isPending}
          title={mayWrite ? undefined : 'Needs a token with the scope jobs:write'}
          onClick={() => retry.mutate()}
        >
          {group.count === 1 ? 'Retry this job' : `Retry these ${group.count.toLocaleString('en')}`}
        </Button>
      )}
      {retry.isError && <span role="alert">{describeError(retry.error).text}</span>}
    </li>
  );
}
