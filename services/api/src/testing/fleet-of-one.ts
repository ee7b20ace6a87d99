import { randomUUID } from 'node:crypto';
import { JobStore } from '@slipway/control-plane/jobs';
import { Secret } from '@slipway/shared/config';
import type { Base, Job, JobError } from '@slipway/shared/contracts';
import { redisKeys } from '@slipway/shared/redis';
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import type { ApiConfig } from '../config.js';
import { addTenants } from './add-tenants.js';
import { archive } from './archive.js';
import { type RunningApi, startApi } from './start-api.js';

/** An answer: the status, and the parsed body if it is JSON. */
interface Said {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests compare whatever came.
  readonly body: any;
}

/** The base images of a build: their references, and with digests. */
type Built = [baseImages?: readonly string[], bases?: readonly Base[]];

/** An API of its own, and operations that stand in for a worker. */
export interface FleetOfOne {
  readonly api: RunningApi;
  readonly redis: Redis;
  /** The tokens of two tenants; the first is the default caller. */
  readonly mine: string;
  readonly other: string;
  /** Switches to two new tenants: starting another API takes a second. */
  renew(): void;
  /** Sends JSON. */
  say(method: string, path: string, body?: unknown, token?: string): Promise<Said>;
  /** Sends an archive of these files. */
  send(method: string, path: string, files: Readonly<Record<string, string>>, token?: string): Promise<Said>;
  /** Stores a source, and returns its digest. */
  upload(files?: Readonly<Record<string, string>>, token?: string): Promise<string>;
  submit(changes: object, token?: string): Promise<Job>;
  /** Begins an attempt. Returns how to end it with success. */
  begin(id: string): Promise<(...built: Built) => Promise<void>>;
  /** Ends a queued job with success. */
  succeed(id: string, ...built: Built): Promise<void>;
  fail(id: string): Promise<void>;
  stop(): Promise<void>;
}

export const builtDigest = `sha256:${'d'.repeat(64)}`;

export async function startFleetOfOne(
  redisUrl: string,
  changes: Partial<ApiConfig> = {},
  logged?: string[],
): Promise<FleetOfOne> {
  const api = await startApi(redisUrl, { maxQueuedJobs: 10_000, ...changes }, { logged });
  await addTenants(
    { redisUrl, redisPrefix: api.prefix, payloadSecret: new Secret('payload') },
    Array.from({ length: 200 }, (_, at) => ({ name: `tenant-${at}`, token: `token-${at}` })),
  );
  let turn = 0;
  const redis = new Redis(redisUrl);
  const worker = new JobStore({ redis, keys: redisKeys(api.prefix) });
  const call = async (path: string, token: string, init: RequestInit): Promise<Said> => {
    const headers = { ...init.headers, authorization: `Bearer ${token}` };
    const answer = await api.call(path, { ...init, headers });
    const text = await answer.text();
    return {
      status: answer.status,
      headers: answer.headers,
      body: text === '' ? undefined : JSON.parse(text),
    };
  };
  const begin = async (id: string) => {
    const token = randomUUID();
    const reply = await worker.start(id, { token, worker: 'w', replica: 'http://b', takesSuspects: true });
    expect(reply.outcome).toBe('started');
    return token;
  };
  const fleet: FleetOfOne = {
    api,
    redis,
    get mine() {
      return `token-${turn}`;
    },
    get other() {
      return `token-${turn + 1}`;
    },
    renew: () => {
      turn += 2;
    },
    say: (method, path, body, token = fleet.mine) =>
      call(path, token, {
        method,
        ...(body !== undefined && {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      }),
    send: (method, path, files, token = fleet.mine) =>
      call(path, token, {
        method,
        headers: { 'content-type': 'application/x-tar' },
        body: archive(Object.entries(files).map(([file, text]) => ({ path: file, text }))),
      }),
    async upload(files = { Dockerfile: 'FROM scratch\n' }, token = fleet.mine) {
      const { status, body } = await fleet.send('POST', '/v1/sources', files, token);
      expect([200, 201]).toContain(status);
      return body.digest;
    },
    async submit(job, token = fleet.mine) {
      const image = `r.example/${randomUUID()}:1`;
      const source = { digest: await fleet.upload(undefined, token) };
      const { status, body } = await fleet.say('POST', '/v1/jobs', { image, source, ...job }, token);
      expect([status, body.detail]).toEqual([202, undefined]);
      return body;
    },
    async begin(id) {
      const token = await begin(id);
      const result = { image: 'r.example/x:1', digest: builtDigest, duration_ms: 5 };
      return async (baseImages, bases) => {
        expect(await worker.finish(id, token, { state: 'succeeded', result, baseImages, bases })).toBe(true);
      };
    },
    succeed: async (id, ...built) => (await fleet.begin(id))(...built),
    async fail(id) {
      const error: JobError = { code: 'build_failed', detail: 'no', log_tail: [] };
      expect(await worker.finish(id, await begin(id), { state: 'failed', error })).toBe(true);
    },
    async stop() {
      redis.disconnect();
      await api.stop();
    },
  };
  return fleet;
}
