/** The pattern of every Redis key of an installation, after its base. TypeScript and Lua both read this table. Times and scores are in milliseconds. */
const patterns = {
  bullPrefix: 'bull',
  /** Stream of job events: the outbox that the notifier and the watchers read. */
  events: 'events',
  /** Sorted set of ids whose record is written but that may not be in BullMQ yet; score = ms. */
  undispatched: 'undispatched',
  /** Channel on which a running job's cancellation is announced. */
  cancellations: 'cancellations',
  /** Sorted set of the hosts of registries that jobs wait for; score = since when, in ms. See jobs/include/registries.lua. */
  registries: 'registries',
  /** The hash of the circuit of a registry. */
  registry: 'registry:<host>',
  /** Sorted set of the jobs that wait for a registry; score = place in the queue. */
  registryParked: 'registry:parked:<host>',
  /** A key that never exists: a process tries to delete it to find out whether it can write. */
  writeProbe: 'write-probe:<process>',
  /** Channel on which a slot that came free is announced. */
  freed: 'freed',
  /** Holds the name of the worker that does what only one may do; expires with it. */
  leader: 'leader',
  /** Sorted set of the workers' names; score = when each was last there, in ms. */
  workers: 'workers',
  /** How far the reconciler's rolling check of queued jobs has come. */
  reconcilerCursor: 'reconciler:cursor',
  /** How many records of a kind were removed for their age in this hour. */
  removals: 'removals:<of>',
  /** Sorted set of the replicas' URLs; score = when a worker last named them, in ms. */
  replicas: 'replicas',
  /** Sorted set of expected build times in ms, by function or image repository. */
  durations: 'durations',
  /** Hash: function or image repository → the replica that built it last. */
  homes: 'homes',
  /** Sorted set of the names of a tenant that `durations` and `homes` know; score = when each was built last, in ms. */
  learned: 'learned:<tenant>',
  /** Hash: `build_ms`, the running mean of build times; `ratio_home` and `ratio_away`, of builds to what was expected. */
  stats: 'stats',
  /** Hash: what was counted in a minute of the epoch; see stats/tally.ts. */
  minute: 'minute:<number>',
  /** Hash of virtual times and tags for fair queueing. */
  fairness: 'fairness',
  /** As `fairness`, for a pool other than `default`. */
  fairnessOfPool: 'fairness:<pool>',
  /** Sorted set of batches that are being written; score = since when, in ms. */
  draftBatches: 'batches:drafts',
  /** Sorted set of batches that were accepted and have not ended; score = since when, in ms. */
  openBatches: 'batches:open',
  /** Sorted set of batches whose waiting jobs are to be canceled; score = since when, in ms. */
  stoppingBatches: 'batches:stopping',
  /** Sorted sets of source digests, see lua/sources; scores in ms. */
  sourcesUsed: 'sources:used',
  sourcesRemoving: 'sources:removing',
  sourcesRemoved: 'sources:removed',
  sourcesPinned: 'sources:pinned',
  /** Hash: how many write each of the pinned ones. */
  sourcesWriters: 'sources:writers',
  /** Stream of who changed what, and of what was refused to whom. */
  audit: 'audit',
  /** What is known of the request that came with a key; by the digest of the key. */
  idempotency: 'idempotency:<tenant>:<digest>',
  /** How many requests of a tenant came in the current minute. */
  requestRate: 'requests:<tenant>',
  /** The digest of a folder of a git repository at a commit. */
  gitSource: 'git:<id>',
  /** Sorted set of the names of tenants. */
  tenants: 'tenants',
  /** Channel on which a tenant is named whose settings, tokens or payload secrets have changed. */
  tenantChanges: 'tenants:changes',
  /** Held by the process that writes what the tenants file says. */
  tenantsFileLock: 'tenants:file-lock',
  /** Hash: SHA-256 of a token, in hexadecimal digits, to its id. */
  tokenHashes: 'token-hashes',
  /** Hash of the sealed key that keeps the layers of tenants apart. */
  isolation: 'isolation',
  /** Hash of the payload secrets of tenants by id. */
  payloadSecrets: 'payload-secrets',
  /** The hash of a tenant's settings. */
  tenant: 'tenant:<name>',
  /** Sorted set of the jobs that wait until others of their tenant have ended; score = place in the queue. */
  tenantParked: 'tenant:parked:<tenant>',
  /** Sorted set of the tenants that such jobs belong to. */
  parkedTenants: 'tenants:parked',
  /** The hash of what is known of a token. */
  token: 'token:<id>',
  /** Sorted set of the ids of a tenant's tokens. */
  tokens: 'tokens:<tenant>',
  /** Sorted set of the digests of a tenant's sources; score = bytes. */
  sourcesOf: 'sources:of:<tenant>',
  /** Set of the tenants who have sent a source. */
  sourceOwners: 'sources:owners:<digest>',
  /** Hash of the bytes that are reserved for sources of a tenant while they arrive. */
  sourcesReserved: 'sources:reserved:<tenant>',
  /** How many bytes the sources of a tenant have. */
  sourceBytes: 'sources:bytes:<tenant>',
  /** Bytes of Redis that a tenant may have whose settings do not say, as the API that started last was told. */
  tenantStoredBytes: 'tenants:stored-bytes',
  /** Hash: how many bytes of Redis a tenant has; see stored/include/account.lua. */
  stored: 'stored:<tenant>',
  /** A value that several records of a tenant refer to, by the hash of its content. */
  sharedValue: 'shared:<tenant>:<hash>',
  job: 'job:<id>',
  /** Set of the jobs that end as this job ends, because they build the same. */
  sharers: 'sharers:<id>',
  /** Hash: the job that builds an image of a tenant now, and its build key. */
  flight: 'flight:<name>',
  /** Hash: what an image of a tenant was last built from, and the result. */
  built: 'built:<name>',
  /** The id of the job that builds an image reference now. */
  imageRunning: 'image:running:<image>',
  /** The id of the newest job that pushed to an image reference. */
  imageNewest: 'image:newest:<image>',
  /** Sorted set of the jobs that run on a worker or replica; score = 1 for a suspect, else 0. */
  aboard: 'aboard:<place>',
  /** Hash: how many jobs and suspects ran on a worker or replica when it died. */
  death: 'death:<place>',
  /** Sorted set of the workers or replicas that died without a suspect; score = when. */
  deaths: 'deaths:<kind>',
  batch: 'batch:<id>',
  /** Stream of what happened to the jobs of a batch. */
  batchEvents: 'batch:events:<id>',
  /** Sorted set of the jobs of a batch that are not in the queue yet; score = place in the queue. */
  batchParked: 'batch:parked:<id>',
  /** What is known of a function: the hash of its last spec and its last success. */
  functionRecord: 'function:<tenant>/<name>',
  /** Sorted set of a tenant's functions by name. */
  functions: 'functions:<tenant>',
  /** What is known of a template: the hash of its newest version. */
  template: 'template:<tenant>/<name>',
  /** Sorted set of a tenant's templates by name. */
  templates: 'templates:<tenant>',
  /** A hash an endpoint of webhooks. */
  webhook: 'webhook:<id>',
  /** Sorted set of the ids of a tenant's endpoints. */
  webhooks: 'webhooks:tenant:<tenant>',
  /** Sorted set of the ids of all endpoints. */
  allWebhooks: 'webhooks:all',
  /** Counts the changes of endpoints. */
  webhooksVersion: 'webhooks:version',
  /** Sorted set of the endpoints that were switched off or removed while deliveries were pending; score = since when. */
  stoppingWebhooks: 'webhooks:stopping',
  /** A hash a delivery. */
  delivery: 'delivery:<id>',
  /** Sorted sets of deliveries; score = when each was created, in ms: `tenant:…`, `endpoint:…`, `job:…`, `batch:…`, `state:…` but for `delivered`. */
  deliveries: 'deliveries:<index>',
  /** Sorted set of deliveries that are to be begun; score = when to look at each, in ms. */
  dueDeliveries: 'deliveries:due',
  /** What is known of a lane: whether its circuit is open. See webhooks/include/delivery.lua. */
  lane: 'lane:<name>',
  /** Sorted set of the lanes that have leases or parked deliveries; score = when to look at each. */
  lanes: 'lanes',
  /** Sorted set of the deliveries in flight in a lane; score = when the lease runs out. */
  laneInflight: 'lane:<name>:inflight',
  /** Sorted set of the deliveries that are parked in a lane; score = when each was created. */
  laneParked: 'lane:<name>:parked',
  log: 'log:<id>',
  index: 'index:<name>',
  replica: 'replica:<url>',
  slots: 'slots:<url>',
  /** Sorted set of the leases of a replica whose jobs are suspects; score = expiry. */
  suspects: 'suspects:<url>',
} as const;

type Name = keyof typeof patterns;
type Placeholders<Pattern extends string> = Pattern extends `${string}<${string}>${infer Rest}`
  ? [string, ...Placeholders<Rest>]
  : [];
type Key<Pattern extends string> =
  Placeholders<Pattern> extends [] ? string : (...parts: Placeholders<Pattern>) => string;

/** Every Redis key of an installation. All share one hash tag, so that scripts and transactions work on a Redis Cluster. */
export type Keys = {
  /** The text that every key starts with; ends in `:`. */
  readonly base: string;
} & { readonly [Each in Name]: Key<(typeof patterns)[Each]> };

const placeholder = /<\w+>/;

export function redisKeys(prefix: string): Keys {
  const base = `{${prefix}}:`;
  const entries = Object.entries(patterns).map(([name, pattern]) => {
    const [first = '', ...others] = pattern.split(placeholder);
    if (others.length === 0) return [name, base + pattern];
    const key = (...parts: readonly string[]) =>
      others.reduce((text, other, at) => text + parts[at] + other, base + first);
    return [name, key];
  });
  return { base, ...Object.fromEntries(entries) } as Keys;
}

/** Returns the keys that a Lua text names as `keys.<name>`, as Lua. They start with the local `base`. Throws on a name that is not in the table. */
export function luaKeys(text: string): string {
  const names = [...new Set(Array.from(text.matchAll(/\bkeys\.(\w+)/g), ([, name]) => name as Name))];
  const lines = names.map((name) => {
    const pattern: string | undefined = patterns[name];
    if (pattern === undefined) throw new Error(`there is no key ${name}`);
    const [first = '', ...others] = pattern.split(placeholder);
    if (others.length === 0) return `  ${name} = base .. '${pattern}',`;
    const parts = others.map((_other, at) => `part${at}`);
    const rest = others.map((other, at) => ` .. ${parts[at]}${other === '' ? '' : ` .. '${other}'`}`);
    return `  ${name} = function(${parts.join(', ')}) return base .. '${first}'${rest.join('')} end,`;
  });
  return ['local keys = {', ...lines, '}'].join('\n');
}
