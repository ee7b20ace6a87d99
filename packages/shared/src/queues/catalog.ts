import { z } from 'zod';
import { batchIdSchema, defaultPool, jobIdSchema } from '../contracts/index.js';

/** One row a queue: what its jobs carry and how they are kept and retried. */
interface QueueRow<S extends z.ZodType> {
  readonly name: string;
  readonly schema: S;
  readonly attempts: number;
  /** Delays before the retries, in milliseconds, when BullMQ itself retries. */
  readonly backoffMs: readonly number[];
}

const row = <S extends z.ZodType>(definition: QueueRow<S>): QueueRow<S> => definition;

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** After Standard Webhooks' suggested schedule; the first delivery is at once. */
const deliveryBackoff = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];

export const queueCatalog = {
  /** Dispatch of builds, a queue for each pool. The record decides on retries, so BullMQ itself never tries again. */
  builds: row({ name: 'builds', schema: z.object({ jobId: jobIdSchema }), attempts: 1, backoffMs: [] }),
  /** Webhook messages: one a terminal event and endpoint. The body is made from the record when it is sent. */
  deliveries: row({
    name: 'deliveries',
    schema: z.union([
      z.object({ jobId: jobIdSchema, version: z.int() }),
      z.object({ batchId: batchIdSchema }),
    ]),
    attempts: deliveryBackoff.length + 1,
    backoffMs: deliveryBackoff,
  }),
} as const;

export type QueueName = keyof typeof queueCatalog;
/** What BullMQ calls a queue. That of the default pool is named as it was before there were pools. */
export function queueName(queue: QueueName, pool = defaultPool): string {
  const { name } = queueCatalog[queue];
  return pool === defaultPool ? name : `${name}-${pool}`;
}

export type QueueData<N extends QueueName> = z.infer<(typeof queueCatalog)[N]['schema']>;
