import { type FunctionView, hasEnded } from '@slipway/client';
import { shortHash } from '@slipway/shared/formatting';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { useFilters } from '../address/use-filters.js';
import { Button } from '../components/button.js';
import { DataTable } from '../components/data-table.js';
import { Empty } from '../components/empty.js';
import { ErrorPanel } from '../components/error-panel.js';
import fields from '../components/fields.module.css';
import { FilterField } from '../components/filter-field.js';
import { Loading } from '../components/loading.js';
import { Page } from '../components/page.js';
import { Time } from '../components/time.js';
import { useLiveEvents } from '../live/live-context.js';
import { queryKeys } from '../live/live-queries.js';
import { useRefreshSoon } from '../live/use-refresh-soon.js';
import { useClient } from '../session/session-context.js';
import styles from './functions.module.css';
import { HistoryChart } from './history-chart.js';
import { RebuildLink } from './rebuild-link.js';

const names = ['namespace', 'name', 'template', 'base_image', 'label'] as const;
const columns = ['Function', 'Last good image', 'Built', 'Last jobs', 'Base images'];
const pageSize = 50;
/** Number of bars in the chart. */
const history = 20;

export function FunctionsPage() {
  const client = useClient();
  const { filters, setFilter, clear, any } = useFilters(names);
  const functions = useInfiniteQuery({
    queryKey: [...queryKeys.functionList, filters],
    queryFn: ({ pageParam, signal }) =>
      client.listFunctions({
        query: {
          ...filters,
          history,
          limit: pageSize,
          ...(pageParam !== undefined && { cursor: pageParam }),
        } as never,
        signal,
      }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
  });
  const rows = functions.data?.pages.flatMap((page) => page.functions) ?? [];
  const refreshSoon = useRefreshSoon(queryKeys.functionList);
  const last = functions.hasNextPage ? rows.at(-1)?.name : undefined;
  /** Returns true when the function is in the list, or may be in a loaded part of it. */
  const concerns = (name: string) =>
    rows.some((row) => row.name === name) || (!any && (last === undefined || name < last));
  useLiveEvents((events) => {
    const concerned = events.some(
      (event) =>
        event.type === 'job' &&
        event.job.function !== undefined &&
        hasEnded(event.job.state) &&
        concerns(event.job.function),
    );
    if (concerned) refreshSoon();
  });
  const field = (name: (typeof names)[number]) => ({
    value: filters[name] ?? '',
    onChange: (value: string) => setFilter(name, value),
  });
  return (
    <Page title="Functions" actions={<RebuildLink select={filters}>Rebuild…</RebuildLink>}>
      <search className={fields.filters} aria-label="Filters">
        <FilterField label="Namespace" {...field('namespace')} />
        <FilterField label="Name" placeholder="api-*" {...field('name')} />
        <FilterField label="Template" {...field('template')} />
        <FilterField label="Base image" placeholder="node:22-alpine" {...field('base_image')} />
        <FilterField label="Label" placeholder="team=core" {...field('label')} />
        {any && (
          <Button size="small" onClick={clear}>
            Clear filters
          </Button>
        )}
      </search>
      {functions.isPending && <Loading label="Loading functions" />}
      {functions.isError && <ErrorPanel error={functions.error} retry={() => void functions.refetch()} />}
      {functions.isSuccess && rows.length === 0 && <NoFunctions filtered={any} />}
      {rows.length > 0 && (
        <DataTable label="Functions" columns={columns}>
          {rows.map((view) => (
            <FunctionRow key={view.name} view={view} />
          ))}
        </DataTable>
      )}
      {functions.hasNextPage && (
        <p className={fields.more}>
          <Button disabled={functions.isFetchingNextPage} onClick={() => void functions.fetchNextPage()}>
            {functions.isFetchingNextPage ? 'Loading…' : 'Show more functions'}
          </Button>
        </p>
      )}
    </Page>
  );
}

function FunctionRow({ view }: { view: FunctionView }) {
  const { name, last_success, base_images, history = [] } = view;
  return (
    <tr>
      <td>
        <Link to={`/functions/${name}`}>{name}</Link>
      </td>
      <td className={styles.image} title={last_success?.result.image}>
        {last_success ? (
          <>
            <code>{last_success.result.image}</code>{' '}
            {last_success.result.digest !== undefined && (
              <code className="soft">{shortHash(last_success.result.digest)}</code>
            )}
          </>
        ) : (
          <span className="soft">None yet</span>
        )}
      </td>
      <td>{last_success && <Time at={last_success.finished_at} />}</td>
      <td>{history.length > 0 && <HistoryChart history={history} />}</td>
      <td className={styles.image} title={base_images.join(', ')}>
        {base_images.length > 0 && <code>{base_images.join(', ')}</code>}
        {base_images.length === 0 && last_success && <span className="soft">From scratch</span>}
      </td>
    </tr>
  );
}

function NoFunctions({ filtered }: { filtered: boolean }) {
  if (filtered)
    return <Empty title="No function matches these filters">Remove a filter, or show all functions.</Empty>;
  return (
    <Empty title="No functions yet">
      A function appears here once a job names it:{' '}
      <code>slipway build . --image registry.example/hello:1 --function hello</code>, or{' '}
      <code>slipway publish</code> with a <code>stack.yaml</code>.
    </Empty>
  );
}
