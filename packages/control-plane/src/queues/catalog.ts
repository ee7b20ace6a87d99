import { defaultPool, jobIdSchema } from '@slipway/shared/contracts';
import { z } from 'zod';

/** The name of a queue and the schema of its jobs. Records decide on retries, so BullMQ itself never retries. */
interface QueueRow<S extends z.ZodType> {
  readonly name: string;
  readonly schema: S;
}

const row = <S extends z.ZodType>(definition: QueueRow<S>): QueueRow<S> => definition;

export const queueCatalog = {
  /** Dispatch of builds, one queue per pool. */
  builds: row({ name: 'builds', schema: z.object({ jobId: jobIdSchema }) }),
} as const;

export type QueueName = keyof typeof queueCatalog;
/** Returns the name of a queue in BullMQ. The queue of the default pool keeps its name from versions without pools. */
export function queueName(queue: QueueName, pool = defaultPool): string {
  const { name } = queueCatalog[queue];
  return pool === defaultPool ? name : `${name}-${pool}`;
}

export type QueueData<N extends QueueName> = z.infer<(typeof queueCatalog)[N]['schema']>;
