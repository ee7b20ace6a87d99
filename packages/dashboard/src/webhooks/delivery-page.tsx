import type { Delivery } from '@slipway/client';
import { formatDuration } from '@slipway/shared/formatting';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from 'react-router';
import { Button } from '../components/button.js';
import { Copyable } from '../components/copyable.js';
import { Empty } from '../components/empty.js';
import { describeError, ErrorPanel } from '../components/error-panel.js';
import { Loading } from '../components/loading.js';
import { Page, Section } from '../components/page.js';
import { Time } from '../components/time.js';
import { Fact } from '../jobs/fact.js';
import facts from '../jobs/jobs.module.css';
import { queryKeys, refresh } from '../live/live-queries.js';
import { useClient, useScope } from '../session/session-context.js';
import { DeliveryBadge } from './delivery-badge.js';
import styles from './webhooks.module.css';

const pendingEveryMs = 1_000;

export function DeliveryPage() {
  const { id = '' } = useParams();
  const client = useClient();
  const delivery = useQuery({
    queryKey: [...queryKeys.deliveries, 'one', id],
    queryFn: ({ signal }) => client.getDelivery({ id, signal }),
    refetchInterval: ({ state }) => (state.data?.state === 'pending' ? pendingEveryMs : false),
  });
  const { data } = delivery;
  return (
    <Page
      title={data?.type ?? 'Delivery'}
      beside={data && <DeliveryBadge state={data.state} />}
      lead={<Copyable value={id} label="delivery id" />}
      actions={data && <Redeliver delivery={data} />}
    >
      {delivery.isPending && <Loading label="Loading the delivery" />}
      {delivery.isError && <ErrorPanel error={delivery.error} retry={() => void delivery.refetch()} />}
      {data && <Details delivery={data} />}
    </Page>
  );
}

function Redeliver({ delivery }: { delivery: Delivery }) {
  const client = useClient();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const allowed = useScope('webhooks:write');
  const redeliver = useMutation({
    mutationFn: () => client.redeliver({ id: delivery.id }),
    onSuccess: (next) => {
      refresh(queries, [queryKeys.deliveries]);
      void navigate(`/deliveries/${next.id}`);
    },
  });
  return (
    <>
      {redeliver.isError && <span role="alert">{describeError(redeliver.error).text}</span>}
      <Button
        kind="primary"
        disabled={!allowed || redeliver.isPending}
        title={
          allowed
            ? 'With the same id and body, as a new delivery'
            : 'Needs a token with the scope webhooks:write'
        }
        onClick={() => redeliver.mutate()}
      >
        Send again
      </Button>
    </>
  );
}

function Details({ delivery }: { delivery: Delivery }) {
  const {
    url,
    webhook,
    message_id,
    job,
    batch,
    redelivery_of,
    reason,
    next_attempt_at,
    created_at,
    attempts,
  } = delivery;
  return (
    <>
      <Section title="Message">
        <dl className={facts.facts}>
          <Fact name="To" wide>
            <Copyable value={url} label="URL" />
          </Fact>
          <Fact name="Message id" wide>
            <Copyable value={message_id} label="message id" />
          </Fact>
          <Fact name="Endpoint">
            {webhook === undefined ? 'A callback' : <Link to={`/webhooks/${webhook}`}>{webhook}</Link>}
          </Fact>
          {job !== undefined && (
            <Fact name="Job">
              <Link to={`/jobs/${job}`}>{job}</Link>
            </Fact>
          )}
          {batch !== undefined && (
            <Fact name="Batch">
              <Link to={`/batches/${batch}`}>{batch}</Link>
            </Fact>
          )}
          {redelivery_of !== undefined && (
            <Fact name="Sent again from">
              <Link to={`/deliveries/${redelivery_of}`}>{redelivery_of}</Link>
            </Fact>
          )}
          <Fact name="Created">
            <Time at={created_at} />
          </Fact>
          {next_attempt_at !== undefined && (
            <Fact name="Next attempt">
              <Time at={next_attempt_at} />
            </Fact>
          )}
          {reason !== undefined && (
            <Fact name="Ended because">
              <code>{reason}</code>
            </Fact>
          )}
        </dl>
      </Section>
      <Section title="Attempts">
        {attempts.length === 0 && <Empty title="None yet">A worker sends it soon.</Empty>}
        <ol className={styles.attempts}>
          {attempts.map((attempt) => (
            <li key={attempt.number} className={styles.attempt}>
              <h3>
                Attempt {attempt.number}
                <span className={isGood(attempt.status) ? styles.good : styles.bad}>
                  {attempt.status === undefined ? attempt.error : `HTTP ${attempt.status}`}
                </span>
                <span className="soft">
                  <Time at={attempt.at} />, in {formatDuration(attempt.duration_ms)}
                </span>
              </h3>
              {attempt.response !== undefined && attempt.response !== '' && (
                <Body label={`Response to attempt ${attempt.number}`} text={attempt.response} />
              )}
            </li>
          ))}
        </ol>
      </Section>
      <Section title="Request">
        <Body label="Request" text={indented(delivery.request)} />
      </Section>
    </>
  );
}

const isGood = (status: number | undefined) => status !== undefined && status >= 200 && status < 300;

function Body({ label, text }: { label: string; text: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: keyboard users must be able to scroll it
    <section aria-label={label} tabIndex={0} className={styles.body}>
      {text}
    </section>
  );
}

/** Returns JSON indented for reading, and any other text as it is. */
function indented(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
