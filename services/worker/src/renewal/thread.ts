import { setTimeout as sleep } from 'node:timers/promises';
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { createLogger } from '@slipway/shared/logger';
import {
  connectRedis,
  type PlainAccess,
  primaryFinder,
  revivedAccess,
} from '@slipway/shared/redis/connection';
import { type Change, Rounds, type RoundsOptions } from './rounds.js';
import { SharedNumber } from './shared-number.js';

/** The data that the main thread gives to the thread. */
export interface ThreadData extends Pick<RoundsOptions, 'base' | 'scripts' | 'lockDurationMs'> {
  readonly redis: { readonly url: string; readonly access: PlainAccess | undefined; readonly prefix: string };
  readonly logLevel: string;
  /** Buffers of `SharedNumber`s. */
  readonly state: Readonly<Record<keyof RoundsOptions['state'], SharedArrayBuffer>>;
  readonly changes: MessagePort;
}

const data = workerData as ThreadData;
const { base, scripts, lockDurationMs, state, changes } = data;
// The main thread may be stuck, so this thread writes its own lines.
const logger = createLogger({ name: 'worker', level: data.logLevel });
const { url, prefix } = data.redis;
const access = data.redis.access && revivedAccess(data.redis.access);
const redis = connectRedis({
  ...{ url, access, logger, mode: 'request', name: 'slipway-worker-renewal' },
  finder: primaryFinder({ url, access, prefix, logger }),
  // The thread ends without warning, and its connection with it.
  cleanups: { defer: () => undefined },
});
const rounds = new Rounds({
  ...{ redis, base, scripts, lockDurationMs, logger },
  state: {
    beatAt: new SharedNumber(state.beatAt),
    renewedAt: new SharedNumber(state.renewedAt),
    lateRounds: new SharedNumber(state.lateRounds),
  },
  nextChanges: () => receiveMessageOnPort(changes)?.message as readonly Change[] | undefined,
});
parentPort?.postMessage('started');
while (true) await sleep(await rounds.renew());
