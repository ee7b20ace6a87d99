/**
 * All error codes of Slipway. A code never changes its meaning.
 *
 * `status` is the HTTP status of an answer with the code. `retry` applies to a job attempt that ended with the code: `never`;
 * `backoff` (spends an attempt, and retries after a delay); `long_backoff` (the same, with minutes between); `replace` (places the
 * job again without spending an attempt). Codes of the fault `registry` spend no attempt either: Slipway retries their job until
 * REGISTRY_RETRY_MS have passed.
 */
export type Fault = 'user' | 'operator' | 'registry' | 'fleet' | 'system';
export type RetryRule = 'never' | 'backoff' | 'long_backoff' | 'replace';

interface Row {
  readonly status: number;
  readonly retry: RetryRule;
  readonly fault: Fault;
  readonly title: string;
  readonly remedy: string;
}

const user = (status: number, title: string, remedy: string): Row => ({
  status,
  retry: 'never',
  fault: 'user',
  title,
  remedy,
});
const row = (fault: Fault, retry: RetryRule, status: number, title: string, remedy: string): Row => ({
  status,
  retry,
  fault,
  title,
  remedy,
});

const errorTable = {
  // Errors of a request.
  request_invalid: user(422, 'The request does not fit its schema', 'Correct the fields named in `errors`.'),
  json_invalid: user(400, 'The body is not valid JSON', 'Send one JSON object, encoded as UTF-8.'),
  json_too_complex: user(
    422,
    'The JSON has more levels, items or values than this route reads',
    'Send fewer values in one request. For example, split a batch into several.',
  ),
  body_incomplete: user(400, 'The body ended before it was complete', 'Send the complete request again.'),
  body_too_large: user(413, 'The body is larger than allowed', 'Send less, or have the limit raised.'),
  body_too_slow: user(
    408,
    'The body came too slowly',
    'Send the request again over a faster line, or have the minimum pace lowered.',
  ),
  headers_too_slow: user(408, 'The headers of the request did not come in time', 'Send the request again.'),
  headers_too_large: user(
    431,
    'The headers of the request are larger than allowed',
    'Send fewer or shorter headers.',
  ),
  media_type_unsupported: user(
    415,
    'The route does not accept this content type',
    'Use the content type named in `detail`.',
  ),
  unauthorized: user(
    401,
    'A valid bearer token is required',
    'Send `Authorization: Bearer <token>` with the API token of this installation.',
  ),
  forbidden: user(403, 'The token does not allow this', 'Use a token that allows it.'),
  image_not_allowed: user(
    403,
    'The tenant may not push to this image',
    'Use an image below one of the prefixes in `detail`, or have more prefixes allowed for the tenant.',
  ),
  priority_not_allowed: user(
    403,
    'The tenant may not submit jobs of this priority',
    'Use the class that `detail` names, or a lower one.',
  ),
  build_argument_not_allowed: user(
    403,
    'The tenant may not give this build argument',
    'Leave it out. For a proxy, have `proxy_arguments` of the tenant set; for credentials, use a build secret of another name in a `RUN` step.',
  ),
  build_secret_not_allowed: user(
    403,
    'The tenant may not give a build secret of this name',
    'Give the secret another name, and use it in a `RUN` step (`RUN --mount=type=secret,id=…`) instead of `ADD`; or name the repository as the git source of the job.',
  ),
  tenant_queue_full: user(
    429,
    'The tenant queue is full',
    'Try again when some jobs have been built, or have the limit raised.',
  ),
  source_quota_exceeded: user(
    413,
    'The source quota of the tenant is exceeded',
    'Wait until sources that nothing uses are removed, or have the limit raised.',
  ),
  stored_quota_exceeded: user(
    413,
    'The tenant has no room left for records',
    'Wait until records of ended jobs are removed, send less with each job, delete unused functions, or have `stored_bytes` raised.',
  ),
  batch_too_large: user(
    413,
    'The items of the batch plus the defaults are too large',
    'Submit fewer items at a time, or give only common values in `defaults`.',
  ),
  tenant_managed: user(
    409,
    'The tenants file manages this tenant',
    'Change it in the tenants file. Slipway reads the file again when it changes.',
  ),
  payload_secret_limit: user(409, 'The limit of payload secrets is reached', 'Remove one first.'),
  token_limit: user(409, 'The token limit of the tenant is reached', 'Revoke one first.'),
  tenant_permanent: user(
    409,
    'The default tenant cannot be removed',
    'Revoke its tokens, or change its settings with PUT.',
  ),
  tenant_not_found: user(
    422,
    'No tenant has this name',
    'Create it with PUT /v1/tenants/{name} first, or correct the name.',
  ),
  idempotency_key_invalid: user(
    400,
    'The Idempotency-Key is not valid',
    'Send 1 to 255 visible ASCII characters, such as a UUID.',
  ),
  idempotency_key_reused: user(
    422,
    'The Idempotency-Key was used for another request before',
    'Use a new key for each request; repeat one only with the same method, path and body.',
  ),
  idempotency_key_in_progress: user(
    409,
    'A request with this Idempotency-Key is still in progress',
    'Send it again after the seconds in `Retry-After`.',
  ),
  rate_limited: user(
    429,
    'The request rate limit of the tenant is exceeded',
    'Send it again after the seconds in `Retry-After`, or have the limit raised.',
  ),
  too_many_failures: user(
    429,
    'Too many requests with invalid tokens came from this address',
    'Correct the token, and send it again after the seconds in `Retry-After`.',
  ),
  not_found: user(404, 'Not found', 'Check the id or path.'),
  method_not_allowed: user(405, 'The route does not support this method', 'Use a method named in `Allow`.'),
  job_not_cancelable: user(409, 'The job has already ended', 'Nothing needs to be done.'),
  queue_full: user(429, 'The queue is full', 'Try again when some jobs have been built.'),
  batch_invalid: user(
    422,
    'Items of the batch do not fit their schema, so none was accepted',
    'Correct the items named in `errors`.',
  ),
  batch_not_cancelable: user(409, 'The batch has already ended', 'Nothing needs to be done.'),
  batch_not_retryable: user(
    409,
    'The batch has no jobs to repeat now',
    'Wait until it has ended, or choose `all`.',
  ),
  batch_closed: row(
    'system',
    'never',
    503,
    'Submitting the batch took too long, so Slipway dropped it',
    'Submit it again. None of its jobs was built.',
  ),
  job_not_retryable: user(409, 'The job has not ended', 'Wait until it has ended, or cancel it first.'),
  egress_denied: user(
    422,
    'Requests to this address are not allowed',
    'Use a public address, or have it added to EGRESS_ALLOW.',
  ),
  secret_unreadable: user(
    409,
    'Encrypted with a payload secret that was removed',
    'Submit it again, with another Idempotency-Key if you sent one; or have the operator set PAYLOAD_SECRET_PREVIOUS to that secret.',
  ),
  isolation_key_unreadable: row(
    'operator',
    'backoff',
    503,
    'The key that isolates the cached layers of tenants cannot be decrypted',
    'Set PAYLOAD_SECRET_PREVIOUS of the workers to their previous payload secret. If it is lost, delete the Redis key that `detail` names: the workers create a new key, and every RUN step runs again once.',
  ),
  callback_secret_missing: user(
    422,
    'The callback has no secret',
    'Give it a `secret` (`whsec_` and 24 to 64 bytes in base64) so that its receiver can verify the sender.',
  ),
  template_limit: user(
    409,
    'The template limit of the tenant is reached',
    'Delete one that is no longer needed: DELETE /v1/templates/{name}.',
  ),
  webhook_limit: user(
    409,
    'The limit of webhook endpoints is reached',
    'Delete one that is no longer needed.',
  ),
  webhook_disabled: user(
    409,
    'The webhook endpoint is disabled',
    'Enable it first: PATCH /v1/webhooks/{id} with `{"enabled": true}`.',
  ),
  webhook_deleted: user(
    409,
    'The webhook endpoint of the delivery was deleted',
    'Create an endpoint, and fetch the record that the message refers to.',
  ),
  source_not_found: user(422, 'No source has this digest', 'Upload it with POST /v1/sources first.'),
  source_damaged: row(
    'operator',
    'never',
    500,
    'The stored source is damaged',
    'Upload the source again with POST /v1/sources, then submit the job again. The operator checks the blob store.',
  ),
  pool_not_found: user(
    422,
    'No pool has this name',
    'Name one of the pools that GET /v1/queue lists, or none.',
  ),
  template_not_found: user(
    422,
    'No template has this name',
    'Send it with PUT /v1/templates/{name} first, or correct the name.',
  ),
  template_invalid: user(
    422,
    'The archive is not a template',
    'Send a folder with a Dockerfile and a template.yml at its root.',
  ),
  nothing_selected: user(
    422,
    'No function matches the selector',
    'List the functions with GET /v1/functions, and correct `select`.',
  ),
  signature_missing: user(
    401,
    'The request is not signed',
    'Send `X-Build-Signature: sha256=<hex HMAC-SHA256>`.',
  ),
  signature_invalid: user(
    401,
    'The signature does not match the body',
    'Check the payload secret on both sides.',
  ),

  // Errors of an archive.
  source_corrupt: user(422, 'The archive cannot be read', 'Send a complete tar or tar.gz.'),
  source_path_unsafe: user(422, 'A path is not allowed', 'Use relative paths in UTF-8, without `..`.'),
  source_path_duplicate: user(422, 'A path occurs twice', 'Pack each path once.'),
  source_path_conflict: user(
    422,
    'A path lies below something that is not a folder',
    'Pack folders as folders.',
  ),
  source_link_unsafe: user(
    422,
    'A hard link leaves the archive, or the target of a link is not allowed',
    'Pack each hard link after its target. Symbolic links may point anywhere.',
  ),
  dockerfile_invalid: user(
    422,
    'The source has no usable Dockerfile',
    'Add a file `Dockerfile`, or name its path in the source with the option `dockerfile`. The path may be a link to a file of the source.',
  ),
  ignore_file_invalid: user(
    422,
    'An ignore file is not valid',
    'Correct the line that the message names in `.dockerignore`, or in the ignore file of the Dockerfile.',
  ),
  source_entry_unsupported: user(
    422,
    'An entry is neither file, folder nor link',
    'Leave devices, pipes and sockets out.',
  ),
  source_too_many_files: user(
    422,
    'The archive holds too many entries',
    'Leave out what the build does not need.',
  ),
  source_too_large: user(413, 'The files exceed the size limit', 'Leave out what the build does not need.'),
  source_ratio_exceeded: user(
    422,
    'The compression ratio of the archive is too high',
    'Send it uncompressed.',
  ),
  source_empty: user(422, 'The archive holds no files', 'Pack the build context.'),
  git_url_invalid: user(
    422,
    'The installation does not allow this URL of a git repository',
    'Use an allowed scheme and host, without credentials.',
  ),
  git_ref_not_found: user(422, 'The git repository has no such branch, tag or commit', 'Check `ref`.'),
  git_path_not_found: user(422, 'The folder does not exist at this commit', 'Check `path`.'),
  git_submodules_undecided: user(
    422,
    'The folder of the git repository has submodules',
    'Set `submodules` of the git source to true to fetch them, or to false to leave them out.',
  ),
  git_submodule_invalid: user(
    422,
    'A submodule of the git repository cannot be fetched',
    'Check .gitmodules, or set `submodules` of the git source to false.',
  ),
  git_unauthorized: user(
    422,
    'The git repository needs credentials that this installation does not have',
    'Check the URL, or have credentials for its host configured (GIT_CREDENTIALS_FILE, for ssh GIT_SSH_FILE).',
  ),
  git_host_key_unknown: user(
    422,
    'The host key of the git server is not one of the configured keys',
    'An attacker may intercept the connection. If the server has a new host key, have it verified and added to GIT_SSH_FILE.',
  ),
  git_unreachable: user(422, 'The git repository could not be fetched', 'Check the URL; try again.'),
  git_timed_out: user(
    422,
    'Fetching the git repository took longer than its time limit',
    'Try again, use a smaller repository, or upload the files.',
  ),
  git_memory_exceeded: user(
    422,
    'Git needs more memory than its limit',
    'Leave large files out of the repository, upload the files, or have `GIT_MEMORY_BYTES` raised.',
  ),
  git_busy: row(
    'system',
    'backoff',
    503,
    'Too many git repositories wait to be fetched',
    'Try again in half a minute.',
  ),
  source_busy: row(
    'system',
    'backoff',
    503,
    'A source with the same files is being removed because it was unused',
    'Try again in a minute.',
  ),

  // Ends of a build.
  build_failed: user(422, 'The build failed', 'Read the failing step in the log.'),
  step_killed: user(
    422,
    'A step was killed, probably for lack of memory (exit code 137)',
    'Raise the memory of the BuildKit daemon, or make the step use less.',
  ),
  image_invalid: user(
    422,
    'The image reference is not valid',
    'Use registry/repository:tag as in the OCI grammar.',
  ),
  source_invalid: user(422, 'The builder refused the source', 'Read the log and correct the source.'),
  base_image_invalid: user(
    422,
    'The Dockerfile names a base image that is not valid',
    'In FROM, COPY --from and RUN --mount=from, name a stage or an image such as registry.example/app:1.',
  ),
  source_not_allowed: user(
    422,
    'The Dockerfile fetches a source that BuildKit would share with other tenants',
    'In ADD, leave out credentials and --keep-git-dir. Clone in a RUN step with a build secret, or name the repository as the git source of the job.',
  ),
  frontend_not_allowed: user(
    422,
    'The Dockerfile names a frontend that is not allowed',
    'Remove the `# syntax=` line or have the frontend allowlisted.',
  ),
  secrets_invalid: user(
    422,
    'The sealed build secrets cannot be opened',
    'Fetch the public key of the builder (GET /publickey) and seal them again.',
  ),
  secrets_key_unknown: user(
    422,
    'The build secrets are sealed for a key that the builder does not have',
    'Fetch the public key of the builder (GET /publickey) and seal them again.',
  ),
  secrets_unsupported: user(
    422,
    'The build engine does not support secrets of this kind',
    'Send it to a builder that uses BuildKit, or encode it as text.',
  ),
  attestation_unsupported: user(
    422,
    'The builder does not support attestations of this kind',
    'Leave it out, or have a builder with BuildKit (and BUILDER_SBOM_SCANNER) set up.',
  ),
  platform_unsupported: user(
    422,
    'No builder supports this platform',
    'Choose a platform that the pool supports.',
  ),
  push_unauthorized: row(
    'operator',
    'never',
    502,
    'The registry refused the push',
    'Check the registry credentials.',
  ),
  signature_rejected: row(
    'operator',
    'never',
    502,
    'The builder rejected the signature of the worker',
    'Give worker and builder the same payload secret.',
  ),
  push_failed: row(
    'registry',
    'backoff',
    502,
    'The push failed',
    'Check the registry. Slipway tries again until REGISTRY_RETRY_MS have passed.',
  ),
  push_rate_limited: row(
    'registry',
    'long_backoff',
    502,
    'The registry limits pushes',
    'Have the limit of the registry raised, or push less at a time. Slipway tries again until REGISTRY_RETRY_MS have passed.',
  ),
  push_repository_missing: user(
    422,
    'The repository to push to does not exist',
    'Create the repository or project in the registry, or correct the name of the image.',
  ),
  push_tag_immutable: user(
    422,
    'The registry does not allow this tag to be overwritten',
    'Use a new tag, or allow tags of the repository to be overwritten.',
  ),
  push_too_large: user(
    422,
    'The image is too large for the registry',
    'Make its layers smaller, or raise the limit of the registry or of the proxy in front of it.',
  ),
  push_quota_exceeded: user(
    422,
    'The registry has no room left for this repository',
    'Delete images, or raise the quota in the registry. The credentials are not the cause.',
  ),
  push_rejected: user(
    422,
    'The registry rejected the push',
    'Correct what `detail` names. If the registry answered with a web page, check its address and whether a proxy asks for a sign-in.',
  ),
  pull_rate_limited: row(
    'registry',
    'long_backoff',
    502,
    'The registry limits pulls',
    'Log in to the registry or use a mirror.',
  ),
  pull_unauthorized: row(
    'operator',
    'never',
    502,
    'The registry refused the pull of a base image',
    'Check the name of the base image and the registry credentials.',
  ),
  registry_unreachable: row(
    'registry',
    'backoff',
    502,
    'The registry cannot be reached',
    'Check its address. Slipway tries again until REGISTRY_RETRY_MS have passed.',
  ),
  registry_insecure: row(
    'operator',
    'never',
    502,
    'The registry uses plain HTTP, which is not allowed',
    'Enable HTTPS on the registry, or add it to INSECURE_REGISTRIES of the builders.',
  ),
  registry_untrusted: row(
    'operator',
    'never',
    502,
    "The registry's certificate is not trusted",
    'Give the builders the certificate authority of the registry (SSL_CERT_FILE, or the settings of buildkitd), or renew the certificate.',
  ),
  registry_config_invalid: row(
    'operator',
    'never',
    502,
    'The Docker config with the registry credentials cannot be read',
    'Correct the config.json that `detail` names; the next build reads it again.',
  ),
  credential_helper_failed: row(
    'operator',
    'never',
    502,
    'A credential helper of the Docker config failed',
    'Install the helper that `credHelpers` or `credsStore` names, and give it its environment (CREDENTIAL_HELPER_ENV).',
  ),
  builder_busy: row('fleet', 'replace', 429, 'The builder has no free slot', 'Try again later.'),
  builder_unreachable: row('fleet', 'replace', 503, 'The builder cannot be reached', 'Check that it runs.'),
  engine_unreachable: row(
    'fleet',
    'replace',
    503,
    'The build engine of the builder does not answer',
    'Read the log of the build engine (BuildKit) behind the builder, and start the engine again. Jobs go to other builders meanwhile.',
  ),
  builder_draining: row('fleet', 'replace', 503, 'The builder is draining', 'Try another replica.'),
  builder_not_isolated: row(
    'fleet',
    'replace',
    421,
    'The engine of the builder does not isolate builds from its machine',
    'Send the build to a builder that uses BuildKit.',
  ),
  no_isolated_builder: row(
    'operator',
    'never',
    502,
    'All builders of the pool use an engine that builds only for the default tenant',
    'Add a builder with BuildKit to the pool, or let the tenant use another pool; then submit the job again.',
  ),
  builder_without_options: row(
    'fleet',
    'replace',
    421,
    'The builder does not support the build options of the job',
    'Send the build to a Slipway builder, or submit it without build options.',
  ),
  no_builder_with_options: row(
    'operator',
    'never',
    502,
    'No builder of the pool supports the build options of the job',
    'Add a Slipway builder of this version to the pool, or submit the job to another pool or without dockerfile, target, tags, image_labels, annotations, no_cache and pull.',
  ),
  builder_protocol: row(
    'fleet',
    'backoff',
    502,
    'The answer of the builder cannot be read',
    'Read the log of the builder.',
  ),
  builder_lost: row(
    'fleet',
    'backoff',
    502,
    'The connection to the builder broke',
    'Slipway retries on another builder.',
  ),
  worker_lost: row(
    'system',
    'backoff',
    500,
    'The worker was lost during the build',
    'Slipway retries the build.',
  ),
  timed_out: user(422, 'The build took longer than its time limit', 'Raise `timeout` or build less.'),
  expired: user(422, 'The job waited too long in the queue', 'Submit it again when there is more room.'),
  superseded: user(409, 'A newer job has pushed to the same image or tag', 'Nothing needs to be done.'),
  batch_stopped: user(
    409,
    'Another job of the batch failed, and the batch stops at the first failure',
    'Correct that job, then repeat the batch.',
  ),
  canceled: user(409, 'The job was canceled', 'Submit it again if you still need it.'),
  quarantined: row(
    'user',
    'never',
    422,
    'The worker or builder died during the job, and Slipway does not retry it',
    'Check what the build does to the machine.',
  ),
  retries_exhausted: row('system', 'never', 500, 'Every attempt failed', 'Read the attempts of the job.'),

  // Faults of Slipway or its infrastructure.
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

export type ErrorCode = keyof typeof errorTable;

export const errorCodes = Object.keys(errorTable) as [ErrorCode, ...ErrorCode[]];

export function errorRow(code: ErrorCode): Row {
  return errorTable[code];
}
