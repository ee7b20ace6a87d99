import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@slipway/local';
import { Secret } from '@slipway/shared/config';
import { parseAllowlist } from '@slipway/shared/egress';
import { defaultHttpSettings } from '@slipway/shared/http';
import { Cleanups, runComponents } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { createApi } from '../api.js';
import type { ApiConfig } from '../config.js';
import { addTenants, type NewTenant } from './add-tenants.js';
import { checkAnswer } from './conformance.js';

export interface RunningApi {
  readonly url: string;
  readonly blobs: string;
  readonly prefix: string;
  /** Sends a request with the right token; rejects when the answer does not match the OpenAPI document. */
  call(path: string, init?: RequestInit): Promise<Response>;
  post(path: string, body: unknown): Promise<Response>;
  stop(): Promise<void>;
}

const other: NewTenant = {
  name: 'other',
  token: 'other-token',
  payloadSecrets: ['other-payload', 'other-rotated'],
};

interface StartOptions {
  readonly tenants?: readonly NewTenant[];
  /** Receives the log lines of the API. */
  readonly logged?: string[] | undefined;
}

/** Starts the API in this process, on a free port, over a prefix of its own in a real Redis. */
export async function startApi(
  redisUrl: string,
  changes: Partial<ApiConfig> = {},
  { tenants = [other], logged }: StartOptions = {},
): Promise<RunningApi> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-api-'));
  const blobs = join(folder, 'blobs');
  const port = await freePort();
  const config: ApiConfig = {
    logLevel: 'fatal',
    shutdownGraceMs: 5_000,
    port,
    bindHost: '127.0.0.1',
    metricsPort: undefined,
    healthPort: undefined,
    redisUrl,
    redisWaitReplicas: 0,
    redisPrefix: `api-test-${port}-${Date.now()}`,
    blobStore: `file://${blobs}`,
    blobStoreLogs: undefined,
    blobTemporaryDir: '/tmp',
    payloadSecret: new Secret('payload'),
    previousPayloadSecrets: [],
    cancelOnDisconnect: true,
    disconnectWaitMs: 0,
    apiToken: new Secret('token'),
    tenantsFile: undefined,
    registryEventsTokens: [],
    maxSourceBytes: 4 * 1024 * 1024,
    unverifiedPayloadBytes: 4 * (changes.maxSourceBytes ?? 4 * 1024 * 1024),
    minFreeDiskBytes: 0,
    maxSourceFiles: 100,
    maxQueuedJobs: 100,
    tenantStoredBytes: 1024 * 1024 * 1024,
    trustedProxies: [],
    corsOrigins: [],
    http: defaultHttpSettings,
    auditMaxEntries: 10_000,
    auditDays: 90,
    git: {
      allowedSchemes: ['http'],
      allowedHosts: [],
      credentials: new Map(),
      ssh: new Map(),
      timeoutMs: 20_000,
      memoryBytes: 256 * 1024 * 1024,
      concurrency: 4,
      workDir: join(folder, 'git'),
      environment: { PATH: process.env.PATH ?? '' },
    },
    egressAllow: parseAllowlist('127.0.0.0/8'),
    publicUrl: undefined,
    ...changes,
  };
  const destination = logged && { write: (line: string) => void logged.push(line) };
  const logger = createLogger({ name: 'api', level: config.logLevel, ...(destination && { destination }) });
  const cleanups = new Cleanups();
  const cleanUp = async () => {
    await cleanups.run(logger);
    rmSync(folder, { recursive: true });
  };
  const stop = new AbortController();
  const components = await createApi({ config, logger, cleanups }).catch(async (error) => {
    await cleanUp();
    throw error;
  });
  const running = runComponents(components, stop.signal);
  const url = `http://127.0.0.1:${port}`;
  while (!(await fetch(`${url}/healthz`).catch(() => undefined))?.ok) await new Promise(setImmediate);
  await addTenants(config, tenants);
  const call: RunningApi['call'] = async (path, init = {}) => {
    const response = await fetch(url + path, {
      ...init,
      headers: { authorization: 'Bearer token', ...init.headers },
    });
    await checkAnswer(init.method ?? 'GET', url + path, response);
    return response;
  };
  return {
    url,
    blobs,
    prefix: config.redisPrefix,
    call,
    post: (path, body) =>
      call(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    async stop() {
      stop.abort();
      await running;
      await cleanUp();
    },
  };
}
