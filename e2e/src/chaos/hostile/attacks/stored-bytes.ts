import { randomUUID } from 'node:crypto';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, type Redis } from '@slipway/shared/redis';
import type { Attack } from '../attack.js';

const mebibyte = 1024 * 1024;
const budget = 12 * mebibyte;
/** The most bytes that may be stored: accepted jobs may exceed the budget by a quarter, and the neighbor stores data too. */
const allowedBytes = budget * 1.25 + 3 * mebibyte;
const mostTries = 2_000;

interface Way {
  readonly name: string;
  readonly method?: 'PUT';
  /** The nth request. */
  request(at: number): { readonly path: string; readonly body: object; readonly key?: string };
}

const source = { files: { Dockerfile: 'FROM scratch\n' } };
const image = () => `127.0.0.1:1/stored/${randomUUID()}:1`;
const text = (bytes: number) => randomUUID().padEnd(bytes, 'x');
/** Returns build arguments of that many bytes, different for each request. */
const args = (bytes: number) =>
  Object.fromEntries(
    Array.from({ length: Math.ceil(bytes / 32_000) }, (_item, at) => [
      `A${at}`,
      text(Math.min(bytes, 32_000)),
    ]),
  );
const items = (count: number, changes: (at: number) => object = () => ({})) =>
  Array.from({ length: count }, (_item, at) => ({ image: image(), ...changes(at) }));

const ways: readonly Way[] = [
  {
    name: 'defaults of a megabyte',
    request: () => ({
      path: '/v1/batches',
      body: { defaults: { source, build_args: args(900_000) }, items: items(100) },
    }),
  },
  {
    name: 'defaults of a megabyte, and something of its own for each item',
    request: () => ({
      path: '/v1/batches',
      body: {
        defaults: { source, build_args: args(900_000) },
        items: items(100, (at) => ({ build_args: { OWN: text(200), [`B${at}`]: 'x' } })),
      },
    }),
  },
  {
    name: 'large jobs',
    request: () => ({ path: '/v1/jobs', body: { source, image: image(), build_args: args(600_000) } }),
  },
  {
    name: 'small jobs with long names',
    request: () => ({
      path: '/v1/batches',
      body: {
        defaults: { source },
        items: items(200, () => ({ image: `r.example/${text(200)}:${text(100)}` })),
      },
    }),
  },
  {
    name: 'functions',
    method: 'PUT',
    request: (at) => ({
      path: `/v1/functions/hoard/f${at}`,
      body: { source, image: image(), build_args: args(600_000) },
    }),
  },
  {
    name: 'keys of dry runs',
    request: () => ({
      path: '/v1/batches',
      body: { defaults: { source }, items: items(150, () => ({ image: image() })), dry_run: true },
      key: randomUUID(),
    }),
  },
];

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly source?: { readonly digest: string };
}

/** Fills Redis in every way open to a tenant within its limits. Each way ends with a refusal, and the stored bytes stay within the budget. */
export const storedBytes: Attack = {
  name: 'stored-bytes',
  async run({ fleet, url, token: hostile, addTenant, note }) {
    const logger = createLogger({ name: 'chaos', level: 'warn' });
    const cleanups = new Cleanups();
    const redis = connectRedis({ url: fleet.redisUrl, name: 'chaos', logger, cleanups, mode: 'patient' });
    const send = async (
      token: string,
      { method = 'POST' }: { readonly method?: string },
      request: ReturnType<Way['request']>,
    ) => {
      const { path, body, key } = request;
      const headers = {
        ...{ authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        ...(key !== undefined && { 'idempotency-key': key }),
      };
      const answer = await fetch(`${url}${path}`, { method, headers, body: JSON.stringify(body) });
      return { status: answer.status, ...((await answer.json()) as object) } as Answer;
    };
    const faults = { redis_over: 0, wrong_answers: 0, unrefused: 0 };
    try {
      const made = await send(hostile, {}, { path: '/v1/jobs', body: { source, image: image() } });
      for (const [index, way] of ways.entries()) {
        const token = await addTenant({ name: `hoarder-${index}`, limits: { stored_bytes: budget } });
        const before = await bytesOf(redis);
        let refusal: Answer | undefined;
        for (let at = 0; at < mostTries && !refusal; at++) {
          const answer = await send(token, way, way.request(at));
          if (answer.status >= 400) refusal = answer;
        }
        const bytes = (await bytesOf(redis)) - before;
        if (!refusal) faults.unrefused++;
        else if (refusal.code !== 'stored_quota_exceeded' || refusal.status !== 413) faults.wrong_answers++;
        faults.redis_over += Math.max(0, bytes - allowedBytes);
        note(
          `${way.name}: ${refusal?.code ?? 'never refused'}, ${Math.round(bytes / 1024)} KB more in Redis`,
        );
      }
      const digest = made.source?.digest;
      return { faults, facts: { ways: ways.length }, mayBeStored: digest === undefined ? [] : [digest] };
    } finally {
      await cleanups.run(logger);
    }
  },
};

/** Bytes of all data in Redis, without buffers of connections. */
async function bytesOf(redis: Redis): Promise<number> {
  return Number(/^used_memory_dataset:(\d+)/m.exec(await redis.info('memory'))?.[1]);
}
