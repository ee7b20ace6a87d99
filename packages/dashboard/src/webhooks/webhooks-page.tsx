import { webhookFormat } from '@slipway/shared/contracts';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import { Button } from '../components/button.js';
import { DataTable } from '../components/data-table.js';
import { Empty } from '../components/empty.js';
import { ErrorPanel } from '../components/error-panel.js';
import fields from '../components/fields.module.css';
import { Loading } from '../components/loading.js';
import { Page, Section } from '../components/page.js';
import { queryKeys, refresh } from '../live/live-queries.js';
import { useClient, useScope } from '../session/session-context.js';
import { Deliveries } from './deliveries.js';
import { EndpointState } from './endpoint-state.js';
import { SecretDialog } from './secret-dialog.js';
import { WebhookForm } from './webhook-form.js';
import styles from './webhooks.module.css';

const everyMs = 10_000;

export function WebhooksPage() {
  const client = useClient();
  const queries = useQueryClient();
  const allowed = useScope('webhooks:write');
  const [making, setMaking] = useState(false);
  const [secret, setSecret] = useState<string>();
  const webhooks = useInfiniteQuery({
    queryKey: [...queryKeys.webhooks, 'list'],
    queryFn: ({ pageParam, signal }) =>
      client.listWebhooks({ query: pageParam === undefined ? {} : { cursor: pageParam }, signal }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: everyMs,
  });
  const rows = webhooks.data?.pages.flatMap((page) => page.webhooks) ?? [];
  return (
    <Page
      title="Webhooks"
      actions={
        <Button
          kind="primary"
          disabled={!allowed}
          title={allowed ? undefined : 'Needs a token with the scope webhooks:write'}
          onClick={() => setMaking(true)}
        >
          New endpoint
        </Button>
      }
    >
      <Section title="Endpoints">
        {webhooks.isPending && <Loading label="Loading endpoints" />}
        {webhooks.isError && <ErrorPanel error={webhooks.error} retry={() => void webhooks.refetch()} />}
        {webhooks.isSuccess && rows.length === 0 && (
          <Empty title="No endpoints yet">
            An endpoint is a URL that receives events of jobs and batches. Create one here, or with{' '}
            <code>slipway webhooks create https://ci.example/hooks</code>.
          </Empty>
        )}
        {rows.length > 0 && (
          <DataTable label="Endpoints" columns={['Endpoint', 'State', 'Events', 'Format']}>
            {rows.map((webhook) => (
              <tr key={webhook.id}>
                <td className={styles.url} title={webhook.url}>
                  <Link to={`/webhooks/${webhook.id}`}>{webhook.description || webhook.url}</Link>
                </td>
                <td>
                  <EndpointState webhook={webhook} />
                </td>
                <td className={styles.url} title={webhook.events.join(', ')}>
                  {webhook.events.join(', ')}
                </td>
                <td>{webhookFormat(webhook.format.type).name}</td>
              </tr>
            ))}
          </DataTable>
        )}
        {webhooks.hasNextPage && (
          <p className={fields.more}>
            <Button onClick={() => void webhooks.fetchNextPage()}>Show more endpoints</Button>
          </p>
        )}
      </Section>
      <Deliveries />
      <WebhookForm
        open={making}
        onClose={() => setMaking(false)}
        save={async (webhook) => {
          const made = await client.createWebhook({ webhook });
          setMaking(false);
          setSecret(made.secret);
          refresh(queries, [queryKeys.webhooks]);
        }}
      />
      <SecretDialog secret={secret} onClose={() => setSecret(undefined)} />
    </Page>
  );
}
