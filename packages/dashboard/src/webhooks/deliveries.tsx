import type { Client, DeliverySummary } from '@slipway/client';
import { deliveryStates } from '@slipway/shared/contracts';
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
import { Section } from '../components/page.js';
import { Time } from '../components/time.js';
import { queryKeys } from '../live/live-queries.js';
import { useClient } from '../session/session-context.js';
import { DeliveryBadge } from './delivery-badge.js';
import styles from './webhooks.module.css';

const names = ['state', 'job', 'batch'] as const;
const pageSize = 25;
/** Milliseconds between fetches of the list while an attempt is pending, because attempts emit no event. */
const pendingEveryMs = 2_000;
const restEveryMs = 15_000;

type Filters = Partial<Record<(typeof names)[number], string>>;

/** Deliveries, newest first: of one endpoint, or of all endpoints and callbacks. */
export function Deliveries({ endpoint }: { endpoint?: string }) {
  const client = useClient();
  const { filters, setFilter } = useFilters(names);
  const deliveries = useInfiniteQuery({
    queryKey: [...queryKeys.deliveries, endpoint ?? 'all', filters],
    queryFn: ({ pageParam, signal }) => list({ client, endpoint, filters, cursor: pageParam, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.deliveries.some((each) => each.state === 'pending'))
        ? pendingEveryMs
        : restEveryMs,
  });
  const rows = deliveries.data?.pages.flatMap((page) => page.deliveries) ?? [];
  const field = (name: (typeof names)[number]) => ({
    value: filters[name] ?? '',
    onChange: (value: string) => setFilter(name, value),
  });
  const any = Object.keys(filters).length > 0;
  return (
    <Section title="Deliveries">
      <search className={fields.filters} aria-label="Filters of deliveries">
        <FilterChoice label="State" all="Any state" choices={deliveryStates} {...field('state')} />
        {endpoint === undefined && (
          <>
            <FilterField label="Job" placeholder="job_…" {...field('job')} />
            <FilterField label="Batch" placeholder="batch_…" {...field('batch')} />
          </>
        )}
      </search>
      {deliveries.isPending && <Loading label="Loading deliveries" />}
      {deliveries.isError && <ErrorPanel error={deliveries.error} retry={() => void deliveries.refetch()} />}
      {deliveries.isSuccess && rows.length === 0 && (
        <Empty title={any ? 'No delivery matches these filters' : 'No deliveries yet'}>
          {any
            ? 'Remove a filter.'
            : 'Each event that an endpoint subscribes to becomes a delivery; so does a test.'}
        </Empty>
      )}
      {rows.length > 0 && (
        <DataTable
          label="Deliveries"
          columns={['State', 'Event', 'To', 'About', 'Created', 'Attempts', 'Answer']}
        >
          {rows.map((delivery) => (
            <DeliveryRow key={delivery.id} delivery={delivery} />
          ))}
        </DataTable>
      )}
      {deliveries.hasNextPage && (
        <p className={fields.more}>
          <Button disabled={deliveries.isFetchingNextPage} onClick={() => void deliveries.fetchNextPage()}>
            {deliveries.isFetchingNextPage ? 'Loading…' : 'Show older deliveries'}
          </Button>
        </p>
      )}
    </Section>
  );
}

interface ListOptions {
  readonly client: Client;
  readonly endpoint: string | undefined;
  readonly filters: Filters;
  readonly cursor: string | undefined;
  readonly signal: AbortSignal;
}

function list({ client, endpoint, filters: { state, ...about }, cursor, signal }: ListOptions) {
  const query = {
    limit: pageSize,
    ...(cursor !== undefined && { cursor }),
    ...(state !== undefined && { state: state as DeliverySummary['state'] }),
  };
  if (endpoint !== undefined) return client.listWebhookDeliveries({ id: endpoint, query, signal });
  return client.listDeliveries({ query: { ...query, ...about }, signal });
}

function DeliveryRow({ delivery }: { delivery: DeliverySummary }) {
  const { id, state, type, url, job, batch, created_at, attempts, reason } = delivery;
  const last = attempts.at(-1);
  return (
    <tr>
      <td>
        <DeliveryBadge state={state} />
      </td>
      <td>
        <Link to={`/deliveries/${id}`}>{type}</Link>
      </td>
      <td className={styles.url} title={url}>
        {url}
      </td>
      <td>
        {job !== undefined && <Link to={`/jobs/${job}`}>job</Link>}
        {job === undefined && batch !== undefined && <Link to={`/batches/${batch}`}>batch</Link>}
      </td>
      <td>
        <Time at={created_at} />
      </td>
      <td className="numbers">{attempts.length}</td>
      <td>
        <code>{last?.status ?? last?.error ?? reason ?? ''}</code>
      </td>
    </tr>
  );
}
