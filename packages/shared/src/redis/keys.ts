/**
 * Every Redis key of an installation. All share one hash tag, so that scripts and transactions work on a
 * Redis Cluster.
 */
export interface Keys {
  /** What every key starts with, ending in `:`. Scripts build index keys from it. */
  readonly base: string;
  readonly bullPrefix: string;
  /** Stream of job events: the outbox that the notifier and the watchers read. */
  readonly events: string;
  /** Sorted set of ids whose record is written but that may not be in BullMQ yet; score = ms. */
  readonly undispatched: string;
  /** Channel on which a running job's cancellation is announced. */
  readonly cancellations: string;
  /** Sorted set of the hosts of registries that jobs wait for; score = since when, in ms. See jobs/lua/registries.ts. */
  readonly registries: string;
  /** The hash of the circuit of a registry. */
  registry(host: string): string;
  /** Sorted set of the jobs that wait for a registry; score = place in the queue. */
  registryParked(host: string): string;
  /** A key that never exists: a process tries to delete it to find out whether it can write. */
  writeProbe(process: string): string;
  /** Channel on which a slot that came free is announced. */
  readonly freed: string;
  /** Holds the name of the worker that does what only one may do; expires with it. */
  readonly leader: string;
  /** Sorted set of the workers' names; score = when each was last there, in ms. */
  readonly workers: string;
  /** How far the reconciler's rolling check of queued jobs has come. */
  readonly reconcilerCursor: string;
  /** How many records of a kind were removed for their age in this hour. */
  removals(of: string): string;
  /** Sorted set of the replicas' URLs; score = when a worker last named them, in ms. */
  readonly replicas: string;
  /** Sorted set of expected build times in ms, by function or image repository. */
  readonly durations: string;
  /** Sorted set of the names of a tenant that `durations` and `homes` know; score = when each was built last, in ms. */
  learned(tenant: string): string;
  /** Hash: `build_ms`, the running mean of build times; `ratio_home` and `ratio_away`, of builds to what was expected. */
  readonly stats: string;
  /** Hash: what was counted in a minute of the epoch; see stats/tally.ts. */
  minute(number: number): string;
  /** Hash of virtual times and tags for fair queueing. */
  readonly fairness: string;
  /** Sorted set of batches that are being written; score = since when, in ms. */
  readonly draftBatches: string;
  /** Sorted set of batches that were accepted and have not ended; score = since when, in ms. */
  readonly openBatches: string;
  /** Sorted set of batches whose waiting jobs are to be canceled; score = since when, in ms. */
  readonly stoppingBatches: string;
  /** Sorted sets of source digests, see source/lua.ts; scores in ms. */
  readonly sourcesUsed: string;
  readonly sourcesRemoving: string;
  readonly sourcesRemoved: string;
  readonly sourcesPinned: string;
  /** Hash: how many write each of the pinned ones. */
  readonly sourcesWriters: string;
  /** Stream of who changed what, and of what was refused to whom. */
  readonly audit: string;
  /** What is known of the request that came with a key; by the digest of the key. */
  idempotency(tenant: string, digest: string): string;
  /** How many requests of a tenant came in the current minute. */
  requestRate(tenant: string): string;
  /** The digest of a folder of a git repository at a commit. */
  gitSource(id: string): string;
  /** Sorted set of the names of tenants. */
  readonly tenants: string;
  /** Channel on which a tenant is named whose settings, tokens or payload secrets have changed. */
  readonly tenantChanges: string;
  /** Held by the process that writes what the tenants file says. */
  readonly tenantsFileLock: string;
  /** Hash: SHA-256 of a token, in hexadecimal digits, to its id. */
  readonly tokenHashes: string;
  /** Hash of the sealed key that keeps the layers of tenants apart. */
  readonly isolation: string;
  /** Hash of the payload secrets of tenants by id. */
  readonly payloadSecrets: string;
  /** The hash of a tenant's settings. */
  tenant(name: string): string;
  /** The hash of what is known of a token. */
  token(id: string): string;
  /** Sorted set of the ids of a tenant's tokens. */
  tokens(tenant: string): string;
  /** Sorted set of the digests of a tenant's sources; score = bytes. */
  sourcesOf(tenant: string): string;
  /** Set of the tenants who have sent a source. */
  sourceOwners(digest: string): string;
  /** Hash of the bytes that are reserved for sources of a tenant while they arrive. */
  sourcesReserved(tenant: string): string;
  /** How many bytes the sources of a tenant have. */
  sourceBytes(tenant: string): string;
  /** Bytes of Redis that a tenant may have whose settings do not say, as the API that started last was told. */
  readonly tenantStoredBytes: string;
  /** Hash: how many bytes of Redis a tenant has; see stored/lua.ts. */
  stored(tenant: string): string;
  /** A value that several records of a tenant refer to, by the hash of its content. */
  shared(tenant: string, hash: string): string;
  job(id: string): string;
  batch(id: string): string;
  /** Stream of what happened to the jobs of a batch. */
  batchEvents(id: string): string;
  /** What is known of a function: the hash of its last spec and its last success. */
  function(tenant: string, name: string): string;
  /** Sorted set of a tenant's functions by name. */
  functions(tenant: string): string;
  /** What is known of a template: the hash of its newest version. */
  template(tenant: string, name: string): string;
  /** Sorted set of a tenant's templates by name. */
  templates(tenant: string): string;
  /** A hash an endpoint of webhooks. */
  webhook(id: string): string;
  /** Sorted set of the ids of a tenant's endpoints. */
  webhooks(tenant: string): string;
  /** Sorted set of the ids of all endpoints. */
  readonly allWebhooks: string;
  /** Counts the changes of endpoints. */
  readonly webhooksVersion: string;
  /** A hash a delivery. */
  delivery(id: string): string;
  /** Sorted sets of deliveries; score = when each was created, in ms: `tenant:…`, `endpoint:…`, `job:…`, `batch:…`, `state:…` but for `delivered`. */
  deliveries(index: string): string;
  /** Sorted set of deliveries that are to be begun; score = when to look at each, in ms. */
  readonly dueDeliveries: string;
  /** What is known of a lane: whether its circuit is open. See webhooks/lua/prelude.ts. */
  lane(name: string): string;
  log(id: string): string;
  index(name: string): string;
  replica(url: string): string;
  slots(url: string): string;
}

export function redisKeys(prefix: string): Keys {
  const base = `{${prefix}}:`;
  return {
    base,
    bullPrefix: `${base}bull`,
    events: `${base}events`,
    undispatched: `${base}undispatched`,
    cancellations: `${base}cancellations`,
    workers: `${base}workers`,
    registries: `${base}registries`,
    registry: (host) => `${base}registry:${host}`,
    registryParked: (host) => `${base}registry:parked:${host}`,
    writeProbe: (process) => `${base}write-probe:${process}`,
    freed: `${base}freed`,
    leader: `${base}leader`,
    reconcilerCursor: `${base}reconciler:cursor`,
    removals: (of) => `${base}removals:${of}`,
    replicas: `${base}replicas`,
    durations: `${base}durations`,
    learned: (tenant) => `${base}learned:${tenant}`,
    stats: `${base}stats`,
    minute: (number) => `${base}minute:${number}`,
    fairness: `${base}fairness`,
    draftBatches: `${base}batches:drafts`,
    openBatches: `${base}batches:open`,
    stoppingBatches: `${base}batches:stopping`,
    sourcesUsed: `${base}sources:used`,
    sourcesRemoving: `${base}sources:removing`,
    sourcesRemoved: `${base}sources:removed`,
    sourcesPinned: `${base}sources:pinned`,
    sourcesWriters: `${base}sources:writers`,
    audit: `${base}audit`,
    idempotency: (tenant, digest) => `${base}idempotency:${tenant}:${digest}`,
    requestRate: (tenant) => `${base}requests:${tenant}`,
    tenants: `${base}tenants`,
    tenantChanges: `${base}tenants:changes`,
    tenantsFileLock: `${base}tenants:file-lock`,
    tokenHashes: `${base}token-hashes`,
    payloadSecrets: `${base}payload-secrets`,
    isolation: `${base}isolation`,
    tenant: (name) => `${base}tenant:${name}`,
    token: (id) => `${base}token:${id}`,
    tokens: (tenant) => `${base}tokens:${tenant}`,
    sourcesOf: (tenant) => `${base}sources:of:${tenant}`,
    sourceOwners: (digest) => `${base}sources:owners:${digest}`,
    sourcesReserved: (tenant) => `${base}sources:reserved:${tenant}`,
    sourceBytes: (tenant) => `${base}sources:bytes:${tenant}`,
    tenantStoredBytes: `${base}tenants:stored-bytes`,
    stored: (tenant) => `${base}stored:${tenant}`,
    shared: (tenant, hash) => `${base}shared:${tenant}:${hash}`,
    gitSource: (id) => `${base}git:${id}`,
    batch: (id) => `${base}batch:${id}`,
    batchEvents: (id) => `${base}batch:events:${id}`,
    function: (tenant, name) => `${base}function:${tenant}/${name}`,
    functions: (tenant) => `${base}functions:${tenant}`,
    template: (tenant, name) => `${base}template:${tenant}/${name}`,
    templates: (tenant) => `${base}templates:${tenant}`,
    job: (id) => `${base}job:${id}`,
    webhook: (id) => `${base}webhook:${id}`,
    webhooks: (tenant) => `${base}webhooks:tenant:${tenant}`,
    allWebhooks: `${base}webhooks:all`,
    webhooksVersion: `${base}webhooks:version`,
    delivery: (id) => `${base}delivery:${id}`,
    deliveries: (index) => `${base}deliveries:${index}`,
    dueDeliveries: `${base}deliveries:due`,
    lane: (name) => `${base}lane:${name}`,
    log: (id) => `${base}log:${id}`,
    replica: (url) => `${base}replica:${url}`,
    slots: (url) => `${base}slots:${url}`,
    index: (name) => `${base}index:${name}`,
  };
}
