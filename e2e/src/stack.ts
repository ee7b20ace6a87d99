import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  type ServiceHandle,
  type ServiceName,
  type Slipway,
  type SlipwayPart,
  startService,
  startSlipway,
  temporaryFolder,
} from '@slipway/local';
import type { EngineName } from '@slipway/shared/contracts';
import { startTestBlobs } from './blobs/test-blobs.js';
import { startTestRedis } from './redis.js';

export interface StackOptions {
  /** Default 1. */
  readonly workers?: number;
  /** Default 1. */
  readonly builders?: number;
  /** Builds at once on each builder. Default 2. */
  readonly slots?: number;
  /** Default: BuildKit where it can be started, else buildah. */
  readonly engine?: EngineName;
  /** Settings of the services besides those of the stack. */
  readonly env?: { readonly [service in ServiceName]?: Readonly<Record<string, string>> };
}

export interface Stack extends Omit<Slipway, 'stop'> {
  /** The folder with all data: `blobs/` unless they are in S3, `logs/`, `secrets/` … */
  readonly folder: string;
  /** Sends a request to the API, with its token. */
  call(path: string, init?: RequestInit): Promise<Response>;
  /** Returns a part by its name: `redis`, `registry`, `builder 1`, `api`, `worker 1` … */
  part(name: string): SlipwayPart;
  /** Sends a signal to the process of a part. */
  kill(name: string, signal: NodeJS.Signals): void;
  /** Starts another worker, which stops with the stack. */
  startWorker(env?: Readonly<Record<string, string>>): Promise<ServiceHandle>;
  /** Stops every process, by its id, and removes the folder. */
  stop(): Promise<void>;
}

/**
 * Starts a whole Slipway on free ports in a temporary folder: Redis, a registry, builders with their engines, the API and
 * workers, as compiled, all ready. SLIPWAY_TEST_BLOBS and SLIPWAY_TEST_REDIS choose its stores. Rejects when a part cannot be started, and then
 * leaves nothing behind.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const { workers = 1, builders = 1, slots = 2, engine } = options;
  const folder = await temporaryFolder();
  const blobs = await startTestBlobs();
  const redis = await startTestRedis(folder.path);
  const env = {
    ...options.env,
    api: { ...blobs.env, ...redis.env, ...options.env?.api },
    worker: { ...blobs.env, ...redis.env, ...options.env?.worker },
  };
  const slipway = await startSlipway({
    dir: folder.path,
    ...{ workers, builders, slots, env },
    ...(engine && { engine }),
  }).catch(async (error) => {
    await blobs.stop();
    await redis.stop();
    await folder.remove();
    throw error;
  });
  const added: ServiceHandle[] = [];
  const part = (name: string) => {
    const found = slipway.parts.find((each) => each.name === name);
    if (found === undefined) throw new Error(`there is no part ${name}`);
    return found;
  };
  return {
    ...slipway,
    folder: folder.path,
    call: (path, init = {}) =>
      fetch(slipway.url + path, {
        ...init,
        headers: { authorization: `Bearer ${slipway.token}`, ...init.headers },
      }),
    part,
    kill: (name, signal) => process.kill(part(name).pid, signal),
    async startWorker(own = {}) {
      const known = slipway.parts.filter(({ name }) => name.startsWith('builder '));
      const name = `worker ${workers + added.length + 1}`;
      const worker = await startService({
        service: 'worker',
        name,
        logFile: join(folder.path, 'logs', `${name.replace(' ', '-')}.log`),
        env: {
          REDIS_URL: part('redis').address,
          REDIS_PASSWORD_FILE: join(folder.path, 'secrets', 'redis-password'),
          BLOB_STORE: pathToFileURL(join(folder.path, 'blobs')).href,
          PAYLOAD_SECRET_FILE: join(folder.path, 'secrets', 'payload-secret'),
          EGRESS_ALLOW: '127.0.0.0/8',
          BUILDERS: known.map(({ address }) => `${address}#max=${slots}`).join(','),
          ...env.worker,
          ...own,
        },
      });
      added.push(worker);
      return worker;
    },
    async stop() {
      await Promise.all(added.map((worker) => worker.stop()));
      await slipway.stop();
      await blobs.stop();
      await redis.stop();
      await folder.remove();
    },
  };
}
