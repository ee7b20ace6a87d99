import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { EngineName } from '@slipway/shared/contracts';
import { startRedis } from '../redis/server.js';
import { startRegistry } from '../registry.js';
import { shippedUsers } from '../shipped.js';
import { chooseEngine, startEngine } from './engine.js';
import { type Layout, prepareLayout } from './layout.js';
import type { ServiceName, Slipway, SlipwayOptions } from './options.js';
import { Parts } from './parts.js';
import { type ServiceHandle, startService } from './service.js';

const defaultGraceMs = 8_000;

/**
 * A whole Slipway on this machine, reached from this machine alone: Redis that keeps its data, a registry, builder
 * replicas, the API and workers. Rejects when a part cannot be started or `signal` is aborted; nothing is left running then.
 */
export async function startSlipway(options: SlipwayOptions): Promise<Slipway> {
  const { dir, graceMs = defaultGraceMs, signal, onPart } = options;
  const engine = await chooseEngine(options.engine);
  const layout = await prepareLayout(dir);
  const parts = new Parts({ logDir: layout.logs, stopMs: graceMs + 2_000, signal, onPart });
  try {
    const { url, registry } = await startAll({ options, engine, layout, parts });
    return {
      url,
      token: layout.token,
      tokenFile: layout.tokenFile,
      registry,
      engine,
      parts: parts.started,
      failed: parts.failed,
      stop: () => parts.stop(),
    };
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

interface Plan {
  readonly options: SlipwayOptions;
  readonly engine: EngineName;
  readonly layout: Layout;
  readonly parts: Parts;
}

async function startAll(plan: Plan): Promise<{ url: string; registry: string }> {
  const { options, layout, parts } = plan;
  const users = await shippedUsers({ folder: layout.secrets });
  parts.stage();
  const [redis, registry] = await all([
    parts.start({
      name: 'redis',
      start: (common) => startRedis({ dir: layout.redis, users, ...common }),
      address: ({ url }) => users.env(url).REDIS_URL,
    }),
    parts.start({
      name: 'registry',
      start: (common) =>
        startRegistry({
          dir: layout.registry,
          ...(options.registryPort !== undefined && { port: options.registryPort }),
          ...common,
        }),
      address: (handle) => handle.host,
    }),
  ]);
  parts.stage();
  const engines = await all(
    numbers(options.builders ?? 2).map((number) =>
      startEngine({ name: plan.engine, number, folder: layout.engines, registry: registry.host, parts }),
    ),
  );

  parts.stage();
  const slots = options.slots ?? 2;
  const store = {
    ...users.env(redis.url),
    BLOB_STORE: pathToFileURL(layout.blobs).href,
    EGRESS_ALLOW: ownMachine,
  };
  const [api, builders] = await all([
    service(plan, {
      service: 'api',
      env: { ...store, API_TOKEN_FILE: layout.tokenFile, GIT_WORK_DIR: join(layout.work, 'git') },
      port: options.port,
    }),
    all(
      engines.map((engine, index) => {
        const env = {
          ...engine,
          MAX_INFLIGHT: String(slots),
          BUILD_SECRETS_PRIVATE_KEY_FILE: layout.buildSecretsKeyFile,
          INSECURE_REGISTRIES: registry.host,
          WORK_DIR: join(layout.work, String(index + 1)),
        };
        return service(plan, { service: 'builder', number: index + 1, env });
      }),
    ),
  ]);

  parts.stage();
  const list = builders.map(({ url }) => `${url}#max=${slots}`).join(',');
  await all(
    numbers(options.workers ?? 2).map((number) =>
      service(plan, { service: 'worker', number, env: { ...store, BUILDERS: list } }),
    ),
  );
  return { url: api.url, registry: registry.host };
}

/** Webhooks of a Slipway on one machine are for what else runs there. */
const ownMachine = '127.0.0.0/8,::1';

interface ServiceStart {
  readonly service: ServiceName;
  readonly number?: number;
  readonly env: Readonly<Record<string, string>>;
  readonly port?: number | undefined;
}

function service(
  { options, layout, parts }: Plan,
  { service: kind, number, env, port }: ServiceStart,
): Promise<ServiceHandle> {
  const name = number === undefined ? kind : `${kind} ${number}`;
  return parts.start({
    name,
    start: (common) =>
      startService({
        service: kind,
        name,
        env: {
          SHUTDOWN_GRACE_MS: String(options.graceMs ?? defaultGraceMs),
          PAYLOAD_SECRET_FILE: layout.payloadSecretFile,
          ...env,
          ...options.env?.[kind],
        },
        ...(port !== undefined && { port }),
        ...common,
      }),
    address: ({ url }) => url,
  });
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** As `Promise.all`, but when one rejects the others are awaited first: what they started can then be stopped. */
async function all<const T extends readonly unknown[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
