import { receivesBuilds } from '@slipway/shared/contracts';
import { count } from '@slipway/shared/formatting';
import { useQuery } from '@tanstack/react-query';
import { Empty } from '../components/empty.js';
import { ErrorPanel } from '../components/error-panel.js';
import { Loading } from '../components/loading.js';
import { Page, Section } from '../components/page.js';
import { queryKeys } from '../live/live-queries.js';
import { useClient, useScope } from '../session/session-context.js';
import styles from './fleet.module.css';
import { PoolQueue } from './pool-queue.js';
import { Replica } from './replica.js';

const statsEveryMs = 10_000;
const queueEveryMs = 3_000;
const minutes = 60;

/** The health of the fleet on one page. */
export function FleetPage() {
  const client = useClient();
  const maySee = useScope('builders:read');
  const builders = useQuery({
    queryKey: queryKeys.builders,
    queryFn: ({ signal }) => client.listBuilders({ signal }),
    enabled: maySee,
    refetchInterval: queueEveryMs,
  });
  const queue = useQuery({
    queryKey: queryKeys.queue,
    queryFn: ({ signal }) => client.queue({ signal }),
    refetchInterval: queueEveryMs,
  });
  const stats = useQuery({
    queryKey: [...queryKeys.stats, minutes],
    queryFn: ({ signal }) => client.stats({ query: { minutes }, signal }),
    refetchInterval: statsEveryMs,
  });
  const list = builders.data ?? [];
  const usable = list.filter(receivesBuilds);
  const slots = list.reduce((sum, { limit }) => sum + limit, 0);
  const busy = list.reduce((sum, { in_flight }) => sum + in_flight, 0);
  const lead =
    builders.data &&
    list.length > 0 &&
    `${usable.length} of ${count(list.length, 'replica')} take builds · ${busy} of ${count(slots, 'slot')} busy`;
  return (
    <Page title="Fleet" {...(lead && { lead })}>
      {queue.isError && <ErrorPanel error={queue.error} retry={() => void queue.refetch()} />}
      {queue.data?.held && (
        <Empty title="No job starts">
          {queue.data.held.reason === 'restored'
            ? 'Redis was restored from a backup. Its waiting jobs may have run since.'
            : 'An operator holds the queue.'}{' '}
          An operator runs <code>slipway release</code>.
        </Empty>
      )}
      {queue.data?.pools.map((pool) => (
        <Section
          key={pool.name}
          title={pool.name === 'default' ? 'Queue' : `Queue of ${pool.name}`}
          beside={<span className="soft">{pool.platforms.join(', ')}</span>}
        >
          <PoolQueue pool={pool} stats={stats.data} replicas={builders.data} />
        </Section>
      ))}
      <Section title="Replicas">
        {!maySee && (
          <Empty title="Your token does not show the replicas">
            A token with the scope <code>builders:read</code> does.
          </Empty>
        )}
        {builders.isError && <ErrorPanel error={builders.error} retry={() => void builders.refetch()} />}
        {builders.isPending && maySee && <Loading />}
        {builders.data?.length === 0 && (
          <Empty title="No replica is known yet">
            Workers name them: set <code>BUILDERS</code> to their URLs and start a worker, or start everything
            on this machine with <code>slipway up</code>.
          </Empty>
        )}
        {list.length > 0 && (
          <ul className={styles.replicas}>
            {list.map((builder) => (
              <Replica
                key={builder.id}
                builder={builder}
                points={stats.data?.replicas?.find(({ id }) => id === builder.id)?.points ?? []}
              />
            ))}
          </ul>
        )}
      </Section>
    </Page>
  );
}
