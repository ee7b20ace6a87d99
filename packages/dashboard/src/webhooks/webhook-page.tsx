import type { Webhook } from '@slipway/client';
import { webhookFormat } from '@slipway/shared/contracts';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { Copyable } from '../components/copyable.js';
import { ErrorPanel } from '../components/error-panel.js';
import { Loading } from '../components/loading.js';
import { Page, Section } from '../components/page.js';
import { Time } from '../components/time.js';
import { Fact, Tags } from '../jobs/fact.js';
import facts from '../jobs/jobs.module.css';
import { queryKeys } from '../live/live-queries.js';
import { useClient } from '../session/session-context.js';
import { Deliveries } from './deliveries.js';
import { EndpointState } from './endpoint-state.js';
import { SecretDialog } from './secret-dialog.js';
import { WebhookActions } from './webhook-actions.js';

const everyMs = 5_000;

export function WebhookPage() {
  const { id = '' } = useParams();
  const client = useClient();
  const [secret, setSecret] = useState<string>();
  const webhook = useQuery({
    queryKey: [...queryKeys.webhooks, id],
    queryFn: ({ signal }) => client.getWebhook({ id, signal }),
    refetchInterval: everyMs,
  });
  const { data } = webhook;
  return (
    <Page
      title={data ? data.description || data.url : 'Endpoint'}
      beside={data && <EndpointState webhook={data} />}
      actions={data && <WebhookActions webhook={data} onSecret={setSecret} />}
      lead={<Copyable value={id} label="endpoint id" />}
    >
      {webhook.isPending && <Loading label="Loading the endpoint" />}
      {webhook.isError && <ErrorPanel error={webhook.error} retry={() => void webhook.refetch()} />}
      {data && <Facts webhook={data} />}
      {data && <Deliveries endpoint={id} />}
      <SecretDialog secret={secret} onClose={() => setSecret(undefined)} />
    </Page>
  );
}

function Facts({ webhook }: { webhook: Webhook }) {
  const { url, events, labels, format, max_in_flight, rotating_until, created_at } = webhook;
  return (
    <Section title="Messages">
      <dl className={facts.facts}>
        <Fact name="URL" wide>
          <Copyable value={url} label="URL" />
        </Fact>
        <Fact name="Events" wide>
          {events.join(', ')}
        </Fact>
        <Fact name="Format">{webhookFormat(format.type).name}</Fact>
        <Fact name="Requests at once">{max_in_flight}</Fact>
        <Fact name="Made">
          <Time at={created_at} />
        </Fact>
        {rotating_until !== undefined && (
          <Fact name="Secret">
            Signed with the one before as well, which ends <Time at={rotating_until} />
          </Fact>
        )}
        <Tags name="Only with the labels" values={labels} />
      </dl>
    </Section>
  );
}
