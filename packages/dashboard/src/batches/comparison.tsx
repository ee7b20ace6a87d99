import type { Batch } from '@slipway/client';
import { formatDuration, imagePath } from '@slipway/shared/formatting';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { Loading } from '../components/loading.js';
import { Section } from '../components/page.js';
import { Time } from '../components/time.js';
import { queryKeys } from '../live/live-queries.js';
import { useClient } from '../session/session-context.js';
import type { Cell } from './batch-jobs.js';
import styles from './batches.module.css';
import { useBatchCells } from './use-batch-cells.js';

/** Compares this batch with the run before. Renders nothing when there is none. */
export function Comparison({ batch }: { batch: Batch }) {
  const client = useClient();
  const others = useQuery({
    queryKey: [...queryKeys.batches, 'recent'],
    queryFn: ({ signal }) => client.listBatches({ query: { limit: 200 }, signal }),
  });
  const beforeId = runBefore(batch, others.data?.batches ?? []);
  const before = useQuery({
    queryKey: queryKeys.batch(beforeId ?? ''),
    queryFn: ({ signal }) => client.getBatch({ id: beforeId ?? '', signal }),
    enabled: beforeId !== undefined,
  });
  const cells = useBatchCells(batch.id);
  const beforeCells = useBatchCells(cells.data?.complete ? beforeId : undefined);
  // A run that retention removed cannot be compared with.
  if (beforeId === undefined || before.isError || beforeCells.isError) return null;
  if (!before.data || !beforeCells.data?.complete || !cells.data?.complete)
    return <Loading label="Comparing with the run before" />;
  const { broken, mended, still, added } = compareRuns(cells.data.cells, beforeCells.data.cells);
  const took = ({ created_at, finished_at }: Batch) =>
    finished_at === undefined
      ? 'not finished'
      : formatDuration(Date.parse(finished_at) - Date.parse(created_at));
  return (
    <Section
      title="Compared with the run before"
      beside={
        <span className="soft">
          <Link to={`/batches/${beforeId}`}>
            {batch.retry_of === undefined ? 'Same labels' : 'The repeated batch'}
          </Link>
          , <Time at={before.data.created_at} />
        </span>
      }
    >
      <table className={styles.compare}>
        <thead>
          <tr>
            <td />
            <th scope="col">Before</th>
            <th scope="col">This run</th>
          </tr>
        </thead>
        <tbody className="numbers">
          <tr>
            <th scope="row">Jobs</th>
            <td>{before.data.total}</td>
            <td>{batch.total}</td>
          </tr>
          <tr>
            <th scope="row">Failed</th>
            <td>{before.data.counts.failed}</td>
            <td>{batch.counts.failed}</td>
          </tr>
          <tr>
            <th scope="row">Took</th>
            <td>{took(before.data)}</td>
            <td>{took(batch)}</td>
          </tr>
        </tbody>
      </table>
      <Changes title="Fail now" cells={broken} />
      <Changes title="Succeed now" cells={mended} />
      <Changes title="Still fail" cells={still} />
      <Changes title="New" cells={added} />
    </Section>
  );
}

const mostNamed = 20;

function Changes({ title, cells }: { title: string; cells: readonly Cell[] }) {
  if (cells.length === 0) return null;
  return (
    <div>
      <h3>
        {title} ({cells.length})
      </h3>
      <ul className={styles.changes}>
        {cells.slice(0, mostNamed).map((cell) => (
          <li key={cell.id}>
            <Link to={`/jobs/${cell.id}`}>{cell.function ?? imagePath(cell.image)}</Link>
          </li>
        ))}
        {cells.length > mostNamed && <li className="soft">and {cells.length - mostNamed} more</li>}
      </ul>
    </div>
  );
}

/** Returns the run before: the batch that this one repeats, or the newest older one with the same labels. Without labels there is none. */
export function runBefore(batch: Batch, others: readonly Batch[]): string | undefined {
  if (batch.retry_of !== undefined) return batch.retry_of;
  const labels = signature(batch);
  if (labels === '') return undefined;
  return others.find(
    (other) => other.id !== batch.id && other.created_at < batch.created_at && signature(other) === labels,
  )?.id;
}

/** Runs of one pipeline have the same labels. */
const signature = ({ labels }: Batch) =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .toSorted()
    .join();

const keyOf = (cell: Cell) => cell.function ?? cell.image;

/** Returns the jobs that ended differently than in the run before, by function or image. */
export function compareRuns(cells: readonly Cell[], before: readonly Cell[]) {
  const earlier = new Map(before.map((cell) => [keyOf(cell), cell.state]));
  const was = (cell: Cell) => earlier.get(keyOf(cell));
  return {
    broken: cells.filter((cell) => cell.state === 'failed' && was(cell) === 'succeeded'),
    mended: cells.filter((cell) => cell.state === 'succeeded' && was(cell) === 'failed'),
    still: cells.filter((cell) => cell.state === 'failed' && was(cell) === 'failed'),
    added: cells.filter((cell) => was(cell) === undefined),
  };
}
