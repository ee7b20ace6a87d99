import { defaultPool, deliveryIdSchema, jobIdSchema } from '@slipway/shared/contracts';
import { z } from 'zod';

/** One row a queue: what its jobs carry. Records decide on retries, so BullMQ itself never tries anything again. */
interface QueueRow<S extends z.ZodType> {
  readonly name: string;
  readonly schema: S;
}

const row = <S extends z.ZodType>(definition: QueueRow<S>): QueueRow<S> => definition;

export const queueCatalog = {
  /** Dispatch of builds, a queue for each pool. */
  builds: row({ name: 'builds', schema: z.object({ jobId: jobIdSchema }) }),
  /** Attempts of webhook deliveries. */
  deliveries: row({ name: 'deliveries', schema: z.object({ deliveryId: deliveryIdSchema }) }),
} as const;

export type QueueName = keyof typeof queueCatalog;
/** What BullMQ calls a queue. That of the default pool is named as it was before there were pools. */
export function queueName(queue: QueueName, pool = defaultPool): string {
  const { name } = queueCatalog[queue];
  return pool === defaultPool ? name : `${name}-${pool}`;
}

export type QueueData<N extends QueueName> = z.infer<(typeof queueCatalog)[N]['schema']>;
