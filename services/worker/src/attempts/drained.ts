import { type ErrorCode, SlipwayError } from '@slipway/shared/errors';
import type { AttemptDeps } from './deps.js';

type DrainDeps = Pick<AttemptDeps, 'registry' | 'logger'>;

/** The end of a build that a replica had begun and did not finish, because it shut down. No fault of the build or the replica. */
export class DroppedBuild extends SlipwayError {
  constructor(detail: string, cause: SlipwayError) {
    super('builder_draining', detail, { cause });
  }
}

/** The reports of a replica during a call. */
export interface Reported {
  /** The replica ended the build itself, so it had begun it. */
  began: boolean;
  draining: boolean;
}

/** Takes the replica out of the ledger at once. The next health check comes up to two seconds later. */
export function noteDraining(url: string, { registry, logger }: DrainDeps): void {
  logger.info({ replica: url }, 'a replica drains');
  registry.setReadiness(url, 'draining').catch((error: unknown) => {
    logger.warn({ err: error, replica: url }, 'a replica that drains was not noted');
  });
}

/**
 * Returns the error as `builder_draining` if the replica shut down: a connection or an engine that breaks meanwhile is no fault. Returns
 * a `DroppedBuild` if the replica had begun the build, and undefined for every other error.
 */
export async function asDrained(
  error: SlipwayError,
  { url, began, draining }: Reported & { readonly url: string },
  { registry, logger }: DrainDeps,
): Promise<SlipwayError | undefined> {
  const { code, message } = error;
  if (code === 'builder_draining') return began ? new DroppedBuild(message, error) : error;
  if (!breaks.includes(code)) return undefined;
  const isLeaving =
    draining ||
    (await registry.isLeaving(url).catch((failure: unknown) => {
      logger.warn({ err: failure, replica: url }, 'it is unknown whether a replica drains');
      return false;
    }));
  if (!isLeaving) return undefined;
  const detail = `The builder shut down during the build: ${message}`;
  if (began || code === 'builder_lost' || code === 'builder_protocol') return new DroppedBuild(detail, error);
  return new SlipwayError('builder_draining', message, { cause: error });
}

/** Errors of calls to a replica that ends. */
const breaks: readonly ErrorCode[] = [
  'builder_lost',
  'builder_protocol',
  'builder_unreachable',
  'engine_unreachable',
];
