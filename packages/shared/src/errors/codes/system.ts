import { type Row, row, user } from './row.js';

/** Faults of Slipway or its infrastructure. */
export const systemErrors = {
  draining: row('system', 'backoff', 503, 'The process is shutting down', 'Try again at once.'),
  redis_unavailable: row('system', 'backoff', 503, 'Redis does not answer', 'Try again in a few seconds.'),
  redis_readonly: row(
    'system',
    'backoff',
    503,
    'Redis is a read-only replica',
    'Promote this Redis, or point REDIS_URL at the primary. Slipway reconnects automatically.',
  ),
  redis_unauthorized: row(
    'operator',
    'backoff',
    503,
    'Redis refuses the user, its password or a command',
    'Correct the user in REDIS_URL and REDIS_PASSWORD, and give the user the rights of docs/redis-users.acl.',
  ),
  redis_cluster_node: row(
    'operator',
    'backoff',
    503,
    'REDIS_URL names a node of a Redis Cluster',
    'Point REDIS_URL at a Redis that is not in cluster mode.',
  ),
  redis_evicts: row(
    'operator',
    'backoff',
    503,
    'Redis may drop queued jobs when its memory is full',
    'Set maxmemory-policy to noeviction in the configuration of Redis.',
  ),
  redis_acl_drops_writes: row(
    'operator',
    'never',
    503,
    'The next restart of Redis would lose jobs',
    'Set `user default off ~{REDIS_PREFIX}:* +@write` and load it (ACL LOAD) before Redis restarts: docs/operations.md.',
  ),
  acl_unverified: row(
    'operator',
    'never',
    503,
    'Slipway may not read the rights of the default user of Redis',
    'Give the user of the services +acl|getuser, or check the line of the default user yourself: docs/operations.md.',
  ),
  redis_full: row(
    'operator',
    'backoff',
    507,
    'Redis has no memory left',
    'Give Redis more memory, or keep fewer records (`RETENTION_JOBS`, `RETENTION_DAYS`).',
  ),
  storage_full: row('operator', 'backoff', 507, 'The blob store is full', 'Free space in the blob store.'),
  record_unreadable: row(
    'operator',
    'backoff',
    500,
    'A record in Redis cannot be read',
    'An operator finishes the rollout of a newer version, or removes the record (`docs/operations.md`, "Records that cannot be read").',
  ),
  record_readable: user(
    409,
    'The record can be read',
    'Only a record that cannot be read is removed this way. Cancel the job instead.',
  ),
  internal: row('system', 'backoff', 500, 'Internal error', 'Try again. Report the error if it persists.'),
} as const satisfies Record<string, Row>;
