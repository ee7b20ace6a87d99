import type { Batch } from '@slipway/client';
import { count } from '@slipway/shared/formatting';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { Button } from '../components/button.js';
import { Empty } from '../components/empty.js';
import { ErrorPanel } from '../components/error-panel.js';
import { Loading } from '../components/loading.js';
import { Page, Section } from '../components/page.js';
import { Elapsed, Time } from '../components/time.js';
import { queryKeys } from '../live/live-queries.js';
import { useClient } from '../session/session-context.js';
import styles from './batches.module.css';
import { Labels } from './labels.js';
import { ProgressBar } from './progress.js';

const pageSize = 30;

/** Batches, newest first. */
export function BatchesPage() {
  const client = useClient();
  const batches = useInfiniteQuery({
    queryKey: [...queryKeys.batches, 'list'],
    queryFn: ({ signal, pageParam }) =>
      client.listBatches({
        query: { limit: pageSize, ...(pageParam !== '' && { cursor: pageParam }) },
        signal,
      }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next_cursor,
  });
  const list = batches.data?.pages.flatMap((page) => page.batches) ?? [];
  return (
    <Page title="Batches">
      <Section>
        {batches.isPending && <Loading />}
        {batches.isError && <ErrorPanel error={batches.error} retry={() => void batches.refetch()} />}
        {batches.isSuccess && list.length === 0 && (
          <Empty title="No batch yet">
            A batch is many functions that are built together: <code>slipway publish</code> submits all of a{' '}
            <code>stack.yaml</code>, and <code>POST /v1/batches</code> does the same for programs.
          </Empty>
        )}
        {list.length > 0 && (
          <ul className={styles.list}>
            {list.map((batch) => (
              <Row key={batch.id} batch={batch} />
            ))}
          </ul>
        )}
        {batches.hasNextPage && (
          <p>
            <Button disabled={batches.isFetchingNextPage} onClick={() => void batches.fetchNextPage()}>
              Older batches
            </Button>
          </p>
        )}
      </Section>
    </Page>
  );
}

function Row({ batch }: { batch: Batch }) {
  const { id, counts, total, created_at, finished_at, labels } = batch;
  const ended = counts.succeeded + counts.failed + counts.canceled;
  return (
    <li className={styles.row}>
      <div className={styles.rowHead}>
        <Link to={`/batches/${id}`} className="mono">
          {id}
        </Link>
        <span className="soft">
          <Time at={created_at} /> · {finished_at === undefined ? 'for' : 'took'}{' '}
          <Elapsed from={created_at} to={finished_at} />
        </span>
      </div>
      <ProgressBar batch={batch} />
      <div className={styles.rowFoot}>
        <span>
          {ended === total ? count(total, 'job') : `${ended} of ${count(total, 'job')} ended`}
          {counts.failed > 0 && <strong className={styles.failedText}> · {counts.failed} failed</strong>}
        </span>
        <Labels labels={labels} />
      </div>
    </li>
  );
}
