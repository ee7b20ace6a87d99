import type { ErrorCode } from '../errors/index.js';

/** What an engine said when it gave up. */
export interface EngineFailure {
  /** Its last error message, which may span lines. */
  readonly message: string;
  /** `push` when it is known that the image was built and only its push failed. */
  readonly stage: 'build' | 'push';
  /** The last lines that the failing step printed. */
  readonly output: readonly string[];
  readonly foreignPlatform: boolean;
}

interface Row {
  readonly code: ErrorCode;
  readonly pattern: RegExp;
  /** Left out: at either stage. */
  readonly stage?: EngineFailure['stage'];
}

/** A step of the Dockerfile ran and failed. First of all, for its text is the user's and may hold anything. */
const failedStep: readonly RegExp[] = [
  /^(failed to solve: )?process "[\s\S]*" did not complete successfully: /,
  /^building at STEP "RUN [\s\S]*": (while running runtime: )?exit status \d+$/,
];

/** How messages begin that are about talking to a registry, rather than to whatever else a Dockerfile names. */
const registryTalk: readonly RegExp[] = [
  // BuildKit
  /failed to resolve source metadata for /,
  /failed to push /,
  /failed to do request: /,
  /failed to authorize: /,
  /failed to fetch (anonymous|oauth) token/,
  /httpReadSeeker: /,
  // buildah
  /initializing source docker:\/\//,
  /pinging container registry /,
  /choosing an image from manifest list /,
  /copying system image from manifest list/,
  /reading (manifest|blob) /,
  /^pushing image /,
];

// Messages name images, whose paths may hold any of these words: they count behind a colon or a number alone.
const tooMany = /429 \(?Too Many Requests|: toomanyrequests/i;
const notAllowed =
  /401 \(?Unauthorized|403 \(?Forbidden|: (unauthorized|denied|authentication required|authorization failed|insufficient_scope)|access denied|access to the resource is denied/i;

/** The first row that fits decides. */
const registryFaults: readonly Row[] = [
  { code: 'platform_unsupported', pattern: /no match for platform in manifest/ },
  { code: 'platform_unsupported', pattern: /no image found in (image index|manifest list) for architecture/ },
  { code: 'registry_insecure', pattern: /server gave HTTP response to HTTPS client/ },
  { code: 'pull_rate_limited', stage: 'build', pattern: tooMany },
  { code: 'push_failed', stage: 'push', pattern: tooMany },
  {
    code: 'registry_unreachable',
    pattern:
      /dial tcp|no such host|connection refused|connection reset|i\/o timeout|network is unreachable|TLS handshake timeout|context deadline exceeded|x509: |\bEOF$/,
  },
  { code: 'push_unauthorized', stage: 'push', pattern: notAllowed },
  { code: 'pull_unauthorized', stage: 'build', pattern: notAllowed },
  { code: 'push_failed', stage: 'push', pattern: /./ },
  {
    code: 'registry_unreachable',
    pattern: /\b5\d\d \(?(Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)/i,
  },
];

const engineFaults: readonly Row[] = [
  { code: 'builder_unreachable', pattern: /^(listing workers for Build: )?failed to list workers: / },
  {
    code: 'builder_lost',
    pattern: /^failed to receive status: |error reading from server|transport is closing/,
  },
  { code: 'builder_lost', pattern: /^failed to solve: (rpc error: code = )?(Unavailable|Canceled)/ },
  { code: 'storage_full', pattern: /no space left on device/ },
];

/** The code of an engine's failure. What no row knows is taken for the user's: `build_failed`. */
export function classify(failure: EngineFailure): ErrorCode {
  const { message } = failure;
  if (failedStep.some((pattern) => pattern.test(message))) {
    const cannotRun = failure.output.some((line) => line.includes('exec format error'));
    return failure.foreignPlatform && cannotRun ? 'platform_unsupported' : 'build_failed';
  }
  const stage = /^failed to solve: failed to push /.test(message) ? 'push' : failure.stage;
  const rows = registryTalk.some((pattern) => pattern.test(message)) ? registryFaults : engineFaults;
  const found = rows.find((row) => (row.stage ?? stage) === stage && row.pattern.test(message));
  return found?.code ?? 'build_failed';
}
