import { z } from 'zod';
import { defaultPool, deliveryIdSchema, jobIdSchema } from '../contracts/index.js';

/** One row a queue: what its jobs carry and how they are kept and retried. */
interface QueueRow<S extends z.ZodType> {
  readonly name: string;
  readonly schema: S;
  readonly attempts: number;
  /** Delays before the retries, in milliseconds, when BullMQ itself retries. */
  readonly backoffMs: readonly number[];
}

const row = <S extends z.ZodType>(definition: QueueRow<S>): QueueRow<S> => definition;

export const queueCatalog = {
  /** Dispatch of builds, a queue for each pool. The record decides on retries, so BullMQ itself never tries again. */
  builds: row({ name: 'builds', schema: z.object({ jobId: jobIdSchema }), attempts: 1, backoffMs: [] }),
  /** Attempts of webhook deliveries. The record decides when the next one is, so BullMQ itself never tries again. */
  deliveries: row({
    name: 'deliveries',
    schema: z.object({ deliveryId: deliveryIdSchema }),
    attempts: 1,
    backoffMs: [],
  }),
} as const;

export type QueueName = keyof typeof queueCatalog;
/** What BullMQ calls a queue. That of the default pool is named as it was before there were pools. */
export function queueName(queue: QueueName, pool = defaultPool): string {
  const { name } = queueCatalog[queue];
  return pool === defaultPool ? name : `${name}-${pool}`;
}

export type QueueData<N extends QueueName> = z.infer<(typeof queueCatalog)[N]['schema']>;
