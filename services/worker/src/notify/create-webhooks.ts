import type { Cell } from '@slipway/control-plane/cell';
import type { MinuteCounts } from '@slipway/control-plane/stats';
import { DeliveryStore, EndpointStore } from '@slipway/control-plane/webhooks';
import { createEgressAgent } from '@slipway/shared/egress';
import type { Cleanups } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Redis } from '@slipway/shared/redis';
import { deriveKeys, webhookSecrets } from '@slipway/shared/signing';
import type { Tracing } from '@slipway/shared/tracing';
import type { WorkerConfig } from '../config.js';
import type { Jobs } from '../dispatch/create-jobs.js';
import type { WorkerMetrics } from '../metrics.js';
import { DeliveryAttempts } from './delivery-attempts.js';
import { DeliveryConsumer } from './delivery-consumer.js';
import { hrefFrom } from './message.js';
import { Notifier } from './notifier.js';

interface WebhooksOptions {
  readonly cell: Cell;
  readonly config: WorkerConfig;
  readonly jobs: Pick<Jobs, 'store' | 'batches'>;
  /** A connection that is only for subscriptions. */
  readonly subscriber: Redis;
  readonly counts: MinuteCounts;
  readonly metrics: WorkerMetrics;
  readonly tracing: Tracing;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
}

export type Webhooks = ReturnType<typeof createWebhooks>;

/** Concurrent deliveries: twice the limit of one endpoint, so others have room while one hangs. */
const concurrency = 100;

/** Creates the stores of webhook endpoints and deliveries, the notifier that writes deliveries, and the consumer that sends them. */
export function createWebhooks(options: WebhooksOptions) {
  const { cell, config, jobs, subscriber, counts, metrics, tracing, logger, cleanups } = options;
  const { redis, keys, now, faults, processName: workerName } = cell;
  const sealingKey = deriveKeys(config, 'callback secrets');
  const endpoints = new EndpointStore({ redis, keys, now, faults, sealingKey });
  const deliveries = new DeliveryStore({
    ...{ redis, keys, faults },
    onRefused(refused) {
      metrics.deliveriesRefused.inc(refused.length);
      const [first] = refused;
      logger.warn(
        { tenant: first?.tenant, job_id: first?.job, count: refused.length },
        'messages are not sent: the tenant has no room for them (stored_bytes)',
      );
    },
  });
  // Endpoints of one host must not wait for one another.
  const agent = createEgressAgent({
    allow: config.egressAllow,
    connections: concurrency,
    connectTimeoutMs: 5_000,
  });
  cleanups.defer('agent of webhooks', () => agent.destroy());
  const attempts = new DeliveryAttempts({
    ...{ deliveries, endpoints, sealingKey, tracing, metrics, logger, now },
    defaultSecrets: webhookSecrets(config),
    tokens: config.webhookTokens,
    publicUrl: config.publicUrl,
    retryDelaysMs: config.webhookRetryDelaysMs,
    sendTraceContext: config.webhookTraceContext,
    dispatcher: agent,
    random: Math.random,
  });
  const notifier = new Notifier({
    ...{ redis, keys, now, endpoints, deliveries, workerName, counts, metrics, logger },
    ...{ store: jobs.store, batches: jobs.batches },
    reader: cell.connect('events'),
    href: hrefFrom(config.publicUrl),
  });
  const consumer = new DeliveryConsumer({
    ...{ deliveries, concurrency, subscriber, keys, logger },
    attempt: (id) => attempts.run(id),
  });
  return { endpoints, deliveries, components: [notifier, consumer] };
}
