import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import {
  freePort,
  type Member,
  shippedUsers,
  startMember,
  startProcess,
  startService,
  temporaryFolder,
} from '@slipway/local';
import { type ApiCalls, createApiCalls } from './api-calls.js';

import type { Fleet, FleetOptions, ReplicaOptions } from './options.js';
import { type StartedRedis, startFleetRedis } from './redis.js';

const redisPrefix = 'slipway';
/** Builds that still run when a fleet is stopped need not end. */
const stopMs = 20_000;
const simulatorMain = fileURLToPath(new URL('../../dist/main.js', import.meta.url));

/**
 * Starts the services as they are compiled, over simulated replicas, and waits until all are ready. Rejects when one
 * cannot be started; nothing is left running then.
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const folder = await temporaryFolder();
  /** In the order of their start. */
  const stages: Member[][] = [];
  let calls: ApiCalls | undefined;
  const stop = async () => {
    await calls?.close();
    for (const stage of stages.toReversed()) {
      await Promise.all(stage.map((member) => member.stop({ graceMs: stopMs })));
    }
    await folder.remove();
  };
  const stage = async (members: readonly Promise<Member>[]): Promise<Member[]> => {
    const outcomes = await Promise.allSettled(members);
    const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    stages.push(started);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    return started;
  };
  try {
    const users = await shippedUsers({ folder: folder.path, administrator: true });
    const place = { folder: folder.path, payloadSecret: secret(), token: secret(), options };
    await mkdir(join(folder.path, 'logs'));
    const redisPort = await freePort();
    const { redis: servers } = options;
    const redisStart = startFleetRedis({ folder: folder.path, users, port: redisPort, redis: servers });
    await stage([redisStart.then(({ member }) => member)]);
    const { member: redis, topology }: StartedRedis = await redisStart;
    const through = topology ? undefined : await options.redisThrough?.(redisPort);
    const shared = {
      ...users.env(through === undefined ? redis.url : `redis://127.0.0.1:${through}`),
      REDIS_PREFIX: redisPrefix,
      BLOB_STORE: pathToFileURL(join(folder.path, 'blobs')).href,
      PAYLOAD_SECRET: place.payloadSecret,
      // The receivers of a test are on this machine.
      EGRESS_ALLOW: '127.0.0.0/8',
    };
    const replicas = await stage(options.replicas.map((replica, at) => replicaMember(place, replica, at)));
    const apiEnv = (number: number) => ({
      ...{ ...shared, API_TOKEN: place.token, GIT_WORK_DIR: join(folder.path, `git-${number}`) },
      ...options.env?.api,
    });
    for (const number of numbers(options.apis ?? 1)) await mkdir(join(folder.path, `git-${number}`));
    const apis = await stage(
      numbers(options.apis ?? 1).map((number) => serviceMember(place, 'api', number, apiEnv(number))),
    );
    calls = createApiCalls({ urls: apis.map(({ url }) => url), token: place.token });
    const source = await uploadSource(calls, folder.path);
    const workerEnv = {
      ...shared,
      BUILDERS: builders(options, replicas),
      ...options.env?.worker,
    };
    const workers = await stage(
      numbers(options.workers ?? 2).map((number) => serviceMember(place, 'worker', number, workerEnv)),
    );
    return {
      folder: folder.path,
      redis,
      redisTopology: topology,
      replicas,
      apis,
      workers,
      redisUrl: redis.url,
      redisUsers: users,
      redisPrefix,
      blobStore: shared.BLOB_STORE,
      payloadSecret: place.payloadSecret,
      token: place.token,
      calls,
      source,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Place {
  readonly folder: string;
  readonly payloadSecret: string;
  readonly token: string;
  readonly options: FleetOptions;
}

const secret = () => randomBytes(24).toString('base64url');
const numbers = (count: number) => Array.from({ length: count }, (_, at) => at + 1);
const logFile = (place: Place, name: string) => join(place.folder, 'logs', `${name.replace(' ', '-')}.log`);

async function replicaMember(place: Place, replica: ReplicaOptions, at: number): Promise<Member> {
  const { durations, seed = 1 } = place.options;
  const name = `replica ${at + 1}`;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    PATH: process.env.PATH,
    BIND_HOST: '127.0.0.1',
    PORT: String(port),
    PAYLOAD_SECRET: place.payloadSecret,
    MAX_INFLIGHT: String(replica.slots),
    // Each replica draws its own faults; the time that an image takes is the same on all.
    SEED: String(seed * 1_000 + at),
    BUILD_MS_MEAN: String(durations?.meanMs ?? 0),
    BUILD_MS_SIGMA: String(durations?.sigma ?? 0),
    BUILD_MS_SEED: String(durations?.seed ?? 1),
    FAULTS: JSON.stringify(replica.faults ?? []),
    ...(replica.keepsBuilds === false && { DETACHED_BUILD_MS: '0' }),
  };
  const ready = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    );
  return startMember({
    name,
    url,
    start: () =>
      startProcess({
        name,
        command: process.execPath,
        args: [simulatorMain],
        env,
        ready,
        logFile: logFile(place, name),
      }),
  });
}

async function serviceMember(
  place: Place,
  service: 'api' | 'worker',
  number: number,
  env: Readonly<Record<string, string>>,
): Promise<Member> {
  const name = `${service} ${number}`;
  const port = await freePort();
  return startMember({
    name,
    url: `http://127.0.0.1:${port}`,
    start: () =>
      startService({
        ...{ service, name, port, logFile: logFile(place, name) },
        env: { ...env, ...place.options.envOf?.(name) },
      }),
  });
}

/** As the setting BUILDERS names them. */
function builders(options: FleetOptions, replicas: readonly Member[]): string {
  return options.replicas
    .map(({ slots, announced = true }, at) => `${replicas[at]?.url}${announced ? `#max=${slots}` : ''}`)
    .join(',');
}

async function uploadSource(calls: ApiCalls, folder: string): Promise<string> {
  const context = join(folder, 'context');
  await mkdir(context);
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY . /\n');
  const tar = await promisify(execFile)('tar', ['-C', context, '-cf', '-', '.'], { encoding: 'buffer' });
  const answer = await calls.call('/v1/sources', {
    method: 'POST',
    body: tar.stdout,
    type: 'application/x-tar',
  });
  if (answer.status !== 201) throw new Error(`the source was answered with ${answer.status}`);
  return (answer.body as { digest: string }).digest;
}
