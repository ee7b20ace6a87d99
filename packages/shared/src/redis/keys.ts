/**
 * The patterns of all Redis keys of an installation, after its base. TypeScript and Lua both read this table. Times and scores are
 * in milliseconds.
 */
const patterns = {
  bullPrefix: 'bull',
  /** Stream of job events: the outbox that the notifier reads. */
  events: 'events',
  /** Channel of the events of a tenant's jobs, batches and endpoints. See events/include/append.lua. */
  tenantChannel: 'live:tenant:<tenant>',
  /** Channel of the events of a job or batch. */
  recordChannel: 'live:<id>',
  /** Channel of the events of replicas. */
  builderChannel: 'live:builders',
  /** Sorted set of ids whose record is written but that may not be in BullMQ yet; score = ms. */
  undispatched: 'undispatched',
  /** Channel that announces the cancellation of a running job. */
  cancellations: 'cancellations',
  /** Sorted set of running jobs that were canceled and whose replica keeps the build; score = when a worker may stop the build, in ms. */
  canceledBuilds: 'builds:canceled',
  /** Sorted set of registry hosts that jobs wait for; score = start of the wait, in ms. See jobs/include/registry.lua. */
  registries: 'registries',
  /** Hash: the circuit of a registry. */
  registry: 'registry:<host>',
  /** Sorted set of the jobs that wait for a registry; score = place in the queue. */
  registryParked: 'registry:parked:<host>',
  /** A key that never exists. A process tries to delete it to check that it can write. */
  writeProbe: 'write-probe:<process>',
  /** Redis' time when a worker last looked, in ms. The blob store has a copy: if Redis is older, it was restored. */
  timeMark: 'time-mark',
  /** Hash: why no job starts, since when, and the times of a restored Redis. */
  hold: 'hold',
  /** A string that the API writes before it waits for replicas: they have every earlier write once they have it. */
  replicationMark: 'replication-mark',
  /** Channel that tells a worker the replica with a free slot. */
  freed: 'freed:<worker>',
  /** Sorted set of workers whose builds wait for a slot of a pool; score = since when, in ms. */
  waiting: 'waiting:<pool>',
  /** The name of the leading worker; expires with its lease. */
  leader: 'leader',
  /** Sorted set of workers; score = last sign of life, in ms. */
  workers: 'workers',
  /** Sorted set of workers that received SIGTERM; score = expiry, in ms. Their end is no death. */
  drainingWorkers: 'workers:draining',
  /** The position of the reconciler's rolling check of queued jobs. */
  reconcilerCursor: 'reconciler:cursor',
  /** The number of records of a kind that were removed for their age in this hour. */
  removals: 'removals:<of>',
  /** Sorted set of replica URLs; score = when a worker last named each, in ms. */
  replicas: 'replicas',
  /** Exists while some worker has announced the same replicas lately. */
  announced: 'announced:<view>',
  /** Hash: replica URL → what it offers. The index of free slots; see replicas/include/offers.lua. */
  offers: 'offers',
  /** Sorted set of replica URLs; score = when to read each again, in ms. */
  offersDue: 'offers:due',
  /** Hash: the sums of the offers of a pool by class. */
  offersOfPool: 'offers:pool:<pool>',
  /** Sorted set of the replicas of a pool and a class with a free slot; score = load / limit. */
  room: 'room:<pool>:<class>',
  /** Sorted set of pool names; score = when a worker last declared each, in ms. */
  pools: 'pools',
  /** Hash: platforms of a pool, slots of a replica, and the time in which its queue is to drain. */
  pool: 'pool:<name>',
  /** The public key that a replica reported last, as JSON. It stays while pools have no replicas. */
  publicKey: 'public-key',
  /** Sorted set of expected build times in ms, by function or image repository. */
  durations: 'durations',
  /** Hash: function or image repository → the replica that built it last. */
  homeReplicas: 'homes',
  /** Sorted set of a tenant's names in `durations` and `homes`; score = last build, in ms. */
  learned: 'learned:<tenant>',
  /** Hash: base image → the newest digest that builds of the tenant saw; see jobs/include/bases.lua. */
  basesSeen: 'bases:seen:<tenant>',
  /** Sorted set of the base images in use; score = when to ask the registry of each, in ms. */
  basesDue: 'bases:due',
  /** Hash: base image → time of the last check in ms, and what the registry said, as JSON. See functions/base-watch.ts. */
  basesWatched: 'bases:watched',
  /** Hash: base image → the last change that a tenant's functions followed; see services/api/src/base-changes. */
  basesRebuilt: 'bases:rebuilt:<tenant>',
  /** Exists while an API process looks for changed base images. */
  basesRebuilder: 'bases:rebuilder',
  /** Hash: `build_ms`, the running mean of build times; `ratio_home` and `ratio_away`, the ratios of builds to their expected times. */
  stats: 'stats',
  /** Hash: the counters of a minute since the epoch; see stats/minute-counts.ts. */
  minute: 'minute:<number>',
  /** Hash of virtual times and tags for fair queueing. */
  fairness: 'fairness',
  /** Like `fairness`, for a pool other than `default`. */
  fairnessOfPool: 'fairness:<pool>',
  /** Sorted set of batches that are being written; score = start, in ms. */
  draftBatches: 'batches:drafts',
  /** Sorted set of accepted batches that have not ended; score = start, in ms. */
  openBatches: 'batches:open',
  /** Sorted set of batches whose waiting jobs must be canceled; score = start, in ms. */
  stoppingBatches: 'batches:stopping',
  /** Sorted sets of source digests, see lua/sources; scores in ms. */
  sourcesUsed: 'sources:used',
  sourcesRemoving: 'sources:removing',
  sourcesRemoved: 'sources:removed',
  sourcesPinned: 'sources:pinned',
  /** Hash: the number of writers of each pinned source. */
  sourcesWriters: 'sources:writers',
  /** Stream of the audit log: changes, and refused requests. */
  audit: 'audit',
  /** The record of a request with an Idempotency-Key, by the digest of the key. */
  idempotency: 'idempotency:<tenant>:<digest>',
  /** The number of a tenant's requests in the current minute. */
  requestRate: 'requests:<tenant>',
  /** The digest of a folder of a git repository at a commit. */
  gitSource: 'git:<id>',
  /** Sorted set of tenant names. */
  tenants: 'tenants',
  /** Channel that announces a tenant whose settings, tokens or payload secrets have changed. */
  tenantChanges: 'tenants:changes',
  /** The lock of the process that applies the tenants file. */
  tenantsFileLock: 'tenants:file-lock',
  /** Hash: SHA-256 of a token, in hexadecimal digits → token id. */
  tokenHashes: 'token-hashes',
  /** Hash: the encrypted key that isolates the layers of tenants. */
  isolation: 'isolation',
  /** Hash: payload secrets of tenants by id. */
  payloadSecrets: 'payload-secrets',
  /** Hash: the settings of a tenant. */
  tenant: 'tenant:<name>',
  /** Sorted set of jobs that wait for other jobs of their tenant to end; score = place in the queue. */
  tenantParked: 'tenant:parked:<tenant>',
  /** Sorted set of the tenants of such jobs. */
  tenantsWithParkedJobs: 'tenants:parked',
  /** Hash: the record of a token. */
  token: 'token:<id>',
  /** Sorted set of a tenant's token ids. */
  tokens: 'tokens:<tenant>',
  /** Sorted set of the digests of a tenant's sources; score = bytes. */
  sourcesOf: 'sources:of:<tenant>',
  /** Set of the tenants that have sent a source. */
  sourceOwners: 'sources:owners:<digest>',
  /** Hash: bytes reserved for a tenant's sources while they arrive. */
  sourcesReserved: 'sources:reserved:<tenant>',
  /** The bytes of a tenant's sources. */
  sourceBytes: 'sources:bytes:<tenant>',
  /** The default limit of a tenant's bytes in Redis, as the API that started last has it. */
  tenantStoredBytes: 'tenants:stored-bytes',
  /** Hash: a tenant's bytes in Redis; see stored/include/account.lua. */
  stored: 'stored:<tenant>',
  /** A value that several records of a tenant share, by the hash of its content. */
  sharedValue: 'shared:<tenant>:<hash>',
  job: 'job:<id>',
  /** Set of jobs that end together with this job, because they build the same image. */
  identicalJobs: 'sharers:<id>',
  /** Hash: the job that builds an image of a tenant now, and its build key. */
  buildInProgress: 'flight:<name>',
  /** Hash: the build key and the result of a tenant's last build of an image. */
  built: 'built:<name>',
  /** The id of the job of a `POST /build`, by the digest of the request; expires after the last client. */
  buildRequest: 'build:request:<digest>',
  /** Sorted set of the clients that wait for the job of a `POST /build`; score = expiry, in ms. */
  buildClients: 'build:clients:<id>',
  /** The id of the job that builds an image reference now. */
  imageRunning: 'image:running:<image>',
  /** The id of the newest job that pushed to an image reference. */
  imageNewest: 'image:newest:<image>',
  /** Sorted set of the running jobs of a worker or replica; score = 1 for a suspect, else 0. */
  aboard: 'aboard:<place>',
  /** Hash: the numbers of running jobs and suspects of a worker or replica at its death. */
  death: 'death:<place>',
  /** Sorted set of workers or replicas that died without a suspect; score = time of death. */
  deaths: 'deaths:<kind>',
  batch: 'batch:<id>',
  /** Stream of events of a batch's jobs. */
  batchEvents: 'batch:events:<id>',
  /** Sorted set of a batch's jobs that are not in the queue yet; score = place in the queue. */
  batchParked: 'batch:parked:<id>',
  /** Hash: a campaign; see campaigns/include/campaign.lua. */
  campaign: 'campaign:<id>',
  /** Hash: the functions of a campaign by their place, as JSON. */
  campaignFunctions: 'campaign:functions:<id>',
  /** Hash: the results of functions of a campaign by their place, as JSON. */
  campaignResults: 'campaign:results:<id>',
  /** Sorted set of campaigns that have not ended; score = start, in ms. */
  openCampaigns: 'campaigns:open',
  /** Sorted set of a tenant's campaigns that have not ended. */
  openCampaignsOf: 'campaigns:open:<tenant>',
  /** Hash: base image → the campaign that builds its functions now. */
  campaignBases: 'campaigns:bases:<tenant>',
  /** Hash: the last spec and the last success of a function. */
  functionRecord: 'function:<tenant>/<name>',
  /** Sorted set of a tenant's functions by name. */
  functions: 'functions:<tenant>',
  /** Hash: the newest version of a template. */
  template: 'template:<tenant>/<name>',
  /** Sorted set of a tenant's templates by name. */
  templates: 'templates:<tenant>',
  /** Hash: a webhook endpoint. */
  webhook: 'webhook:<id>',
  /** Sorted set of a tenant's endpoint ids. */
  webhooks: 'webhooks:tenant:<tenant>',
  /** Sorted set of all endpoint ids. */
  allWebhooks: 'webhooks:all',
  /** Counter of endpoint changes. */
  webhooksVersion: 'webhooks:version',
  /** Sorted set of endpoints that were disabled or removed with pending deliveries; score = start, in ms. */
  stoppingWebhooks: 'webhooks:stopping',
  /** Hash: a delivery. */
  delivery: 'delivery:<id>',
  /** Sorted sets of deliveries; score = creation, in ms: `tenant:…`, `endpoint:…`, `job:…`, `batch:…`, `state:…` (except `delivered`). */
  deliveries: 'deliveries:<index>',
  /** Sorted set of deliveries to start; score = when to look at each, in ms. */
  dueDeliveries: 'deliveries:due',
  /** Channel that announces due deliveries. */
  deliveriesDue: 'deliveries:announced',
  /** Hash: the circuit of a lane. See webhooks/include/delivery.lua. */
  lane: 'lane:<name>',
  /** Sorted set of lanes with leases or parked deliveries; score = when to look at each. */
  lanes: 'lanes',
  /** Sorted set of a lane's deliveries in flight; score = end of the lease. */
  laneInflight: 'lane:<name>:inflight',
  /** Sorted set of a lane's parked deliveries; score = creation. */
  laneParked: 'lane:<name>:parked',
  log: 'log:<id>',
  /** Sorted set of jobs whose log could not be stored; score = when. */
  logsUnsaved: 'logs:unsaved',
  index: 'index:<name>',
  replica: 'replica:<url>',
  slots: 'slots:<url>',
  /** Sorted set of a replica's leases whose jobs are suspects; score = expiry. */
  suspectSlots: 'suspects:<url>',
} as const;

type Name = keyof typeof patterns;
type Placeholders<Pattern extends string> = Pattern extends `${string}<${string}>${infer Rest}`
  ? [string, ...Placeholders<Rest>]
  : [];
type Key<Pattern extends string> =
  Placeholders<Pattern> extends [] ? string : (...parts: Placeholders<Pattern>) => string;

/** The Redis keys of an installation. All share one hash tag, so that scripts and transactions work on a Redis Cluster. */
export type Keys = {
  /** The prefix of every key; ends in `:`. */
  readonly base: string;
} & { readonly [Each in Name]: Key<(typeof patterns)[Each]> };

const placeholder = /<\w+>/;

/** The default of `REDIS_PREFIX`. */
export const usualPrefix = 'slipway';

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

/**
 * Returns Lua code for the keys that a Lua text names as `keys.<name>`. They start with the local `base`. Throws on a name that is
 * not in the table.
 */
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
