import { randomUUID } from 'node:crypto';
import { JobStore } from '@slipway/control-plane/jobs';
import { LogWriter } from '@slipway/control-plane/logs';
import { Secret } from '@slipway/shared/config';
import type { BuilderResult } from '@slipway/shared/contracts';
import { type Redis, redisKeys } from '@slipway/shared/redis';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { expect } from 'vitest';
import { archive } from './archive.js';

export const builtDigest = `sha256:${'d'.repeat(64)}`;

/** Returns a payload of `POST /build`, for an image of its own unless `changes` name one. */
export function payload(changes: object = {}, first = true): Buffer {
  const config = {
    path: `${first ? '' : './'}com.openfaas.docker.config`,
    text: JSON.stringify({ image: `r.example/team/${randomUUID()}:1`, ...changes }),
  };
  const context = ['Dockerfile', 'docker/prod'].map((path) => ({
    path: `context/${path}`,
    text: 'FROM scratch\n',
  }));
  return archive(first ? [config, ...context] : [...context, config]);
}

export function signed(body: Buffer, secret = 'payload'): string {
  const hmac = payloadHmac(new Secret(secret));
  hmac.update(body);
  return formatSignature(hmac);
}

export interface SendOptions {
  readonly signature?: string | undefined;
  readonly stream?: boolean;
  readonly signal?: AbortSignal;
}

/** Sends a `POST /build` to an API. */
export const sendBuild = (
  { url }: { readonly url: string },
  body: Buffer,
  { signature = signed(body), stream = false, signal }: SendOptions = {},
): Promise<Response> =>
  fetch(`${url}/build`, {
    method: 'POST',
    body,
    headers: {
      'content-type': 'application/octet-stream',
      ...(signature !== '' && { 'x-build-signature': signature }),
      ...(stream && { accept: 'application/x-ndjson' }),
    },
    ...(signal && { signal }),
  });

/** Returns the lines of a streamed answer, once it has ended. */
export const linesOf = async (answer: Response): Promise<BuilderResult[]> =>
  (await answer.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as BuilderResult);

/** Operations that stand in for a worker. */
export function standInWorker({ redis, prefix }: { readonly redis: Redis; readonly prefix: string }) {
  const keys = redisKeys(prefix);
  const store = new JobStore({ redis, keys });
  const blobs = {
    write: async () => undefined,
    stat: async () => undefined,
    stream: async () => undefined,
  };
  /** Starts a job, and returns the token of the attempt. */
  const start = async (id: string) => {
    const token = randomUUID();
    await store.start(id, { token, worker: 'w', replica: 'http://b', takesSuspects: true });
    return token;
  };
  const writeLog = async (jobId: string, log: readonly string[]) => {
    const writer = new LogWriter({ redis, keys, jobId, attempt: 1, blobs });
    writer.append([...log]);
    await writer.close();
  };
  /** Ends a job that was started. */
  const end = async (id: string, token: string, state: 'succeeded' | 'failed') => {
    const result = { image: 'r.example/team/built:1', digest: builtDigest, duration_ms: 1_500 };
    const error = { code: 'build_failed' as const, detail: 'RUN false: exit code 1', log_tail: [] };
    await store.finish(id, token, state === 'succeeded' ? { state, result } : { state, error });
  };
  return {
    store,
    start,
    writeLog,
    end,
    /** Returns the only job of the tenant that has not started, once it exists. */
    async waitingJob(tenant = 'default') {
      let id = '';
      await expect
        .poll(async () => {
          const { records } = await store.list({ tenant, state: 'queued', limit: 2 });
          id = records[0]?.id ?? '';
          return records.length;
        })
        .toBe(1);
      return id;
    },
    /** Writes a log and ends the job. */
    async build(id: string, state: 'succeeded' | 'failed', log: readonly string[] = []) {
      const token = await start(id);
      await writeLog(id, log);
      await end(id, token, state);
    },
  };
}
