import { type Row, row, user } from './row.js';

/** Errors of a request. */
export const requestErrors = {
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
  campaign_running: user(
    409,
    'Another campaign builds the functions of the base image',
    'Wait until it has ended, or cancel it: POST /v1/campaigns/{id}/cancel.',
  ),
  campaign_limit: user(
    409,
    'The tenant runs as many campaigns as it may',
    'Wait until one has ended, or cancel one.',
  ),
  campaign_not_pausable: user(409, 'The campaign has ended or was canceled', 'Nothing needs to be done.'),
  campaign_not_resumable: user(409, 'The campaign is not paused', 'Nothing needs to be done.'),
  campaign_not_cancelable: user(409, 'The campaign has already ended', 'Nothing needs to be done.'),
  campaign_not_retryable: user(
    409,
    'The campaign has no functions to repeat now',
    'Wait until it has ended, or cancel it first.',
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
  jobs_not_held: user(
    409,
    'Jobs are not held',
    'Nothing needs to be released: `slipway queue` shows whether jobs are held.',
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
  signature_expired: user(
    401,
    'The time in the signature is more than five minutes away',
    'Sign the call again, with the time of the `Date` header of this answer.',
  ),
  build_exists: user(
    409,
    'The builder already has a build with this id',
    'Read it with GET /builds/{id}, or choose another id.',
  ),
  build_not_found: user(
    404,
    'The builder has no build with this id',
    'Build again: the builder never had the build, or its result was dropped.',
  ),
} as const satisfies Record<string, Row>;
