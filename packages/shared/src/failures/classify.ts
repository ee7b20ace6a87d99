import { type ErrorCode, errorRow } from '../errors/index.js';
import { codeOfPushRefusal, type PushRefusal } from './push-refusal.js';

/** The failure that an engine reported. */
export interface EngineFailure {
  /** The engine's last error message, which may span lines. */
  readonly message: string;
  /** `push` if the image was certainly built and only its push failed. */
  readonly stage: 'build' | 'push';
  /** The last lines that the failing step printed. */
  readonly output: readonly string[];
  readonly foreignPlatform: boolean;
}

interface Row {
  readonly code: ErrorCode;
  readonly pattern: RegExp;
  /** Undefined matches both stages. */
  readonly stage?: EngineFailure['stage'];
}

/** A step of the Dockerfile ran and failed. Checked first, because a step's text is the user's and may contain anything. */
const failedStep: readonly RegExp[] = [
  /^(failed to solve: )?process "[\s\S]*" did not complete successfully: /,
  /^building at STEP "RUN [\s\S]*": (while running runtime: )?exit status \d+$/,
];

/** SIGKILL ended a step, or the kernel refused memory. Only the end of the message is the engine's; a step's text comes before it. */
const killedStep: readonly RegExp[] = [
  /^(?:failed to solve: |v: \S+ ERROR .*?: )?process "[\s\S]*" did not complete successfully: (?:exit code: 137|(?:killed by )?signal: killed|(?:.*: )?cannot allocate memory)\s*$/,
  /^(?:v: \S+ ERROR .*: )?exit code: 137\s*$/,
  /^building at STEP "RUN [\s\S]*": (?:while running runtime: )?(?:exit status 137|signal: killed|(?:.*: )?cannot allocate memory)\s*$/,
  /^failed to solve: (?:[\s\S]*: )?cannot allocate memory\s*$/,
];

/** Prefixes of messages about a registry, rather than another address in a Dockerfile. */
const registryTalk: readonly RegExp[] = [
  // BuildKit
  /failed to resolve source metadata for /,
  /failed to push /,
  /failed commit on ref /,
  /failed to do request: /,
  /error getting credentials|getting username and password/,
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

/** Prefixes of BuildKit messages after a build whose push failed. Older versions do not name the push. */
const pushTalk: readonly RegExp[] = [
  /^failed to solve: (rpc error: code = \w+ desc = )?(failed to push |failed commit on ref |failed to copy: (unexpected status|failed to do request: (Post|Put|Patch)))/,
  /^failed to solve: (rpc error: code = \w+ desc = )?unexpected status(: \d{3}| from (POST|PUT|PATCH) request)/,
  /^failed to solve: (rpc error: code = \w+ desc = )?(name unknown|tag invalid|manifest invalid|denied|unauthorized|toomanyrequests)(: |$)/,
];

/** Parts of messages that name images, tags or addresses. Their words are not the registry's. */
const names: readonly RegExp[] = [
  /failed to push \S+(?=:( |$))/g,
  /"docker:\/\/[^"]*"/g,
  /https?:\/\/\S+?(?=[":]*(\s|$))/g,
  /(?<=upload to )\/v2\/\S+ in [^\s:]+(:\d+)?/g,
  /(?<=(manifest|exists|blob|repository) )(\S+ )?(to|in) \S+(?=: )/g,
  /(?<=destination repository )\S+(?=: )/g,
  /'[^']*'/g,
];

const statusPattern =
  /(?:unexpected status(?: from (\w+) request(?: to)?)?|StatusCode|HTTP status|status code(?: from registry)?|parsing HTTP)[:"\s]*(\d{3})\b|: (\d{3}) \(/;

// Messages name images, whose paths may hold any of these words. They count only after a colon or a number.
const tooMany = /429 \(?Too Many Requests|: toomanyrequests/i;
const notAllowed =
  /401 \(?Unauthorized|403 \(?Forbidden|: (unauthorized|denied|authentication required|authorization failed|insufficient_scope)|access denied|access to the resource is denied/i;

/** The first matching row decides. */
const registryFaults: readonly Row[] = [
  { code: 'platform_unsupported', pattern: /no match for platform in manifest/ },
  { code: 'platform_unsupported', pattern: /no image found in (image index|manifest list) for architecture/ },
  { code: 'registry_insecure', pattern: /server gave HTTP response to HTTPS client/ },
  {
    code: 'registry_untrusted',
    pattern: /x509: |tls: (bad certificate|certificate required|unknown certificate)/,
  },
  { code: 'pull_rate_limited', stage: 'build', pattern: tooMany },
  {
    code: 'registry_unreachable',
    pattern:
      /dial tcp|no such host|connection refused|connection reset|broken pipe|i\/o timeout|network is unreachable|TLS handshake timeout|context deadline exceeded|\bEOF$/,
  },
  { code: 'credential_helper_failed', pattern: /error getting credentials|getting username and password/ },
  { code: 'pull_unauthorized', stage: 'build', pattern: notAllowed },
  {
    code: 'registry_unreachable',
    stage: 'build',
    pattern: /\b5\d\d \(?(Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)/i,
  },
];

/**
 * The patterns are anchored. A Dockerfile can put any text into the middle of a message, and an engine fault counts against the
 * replica, which all tenants share.
 */
const engineFaults: readonly Row[] = [
  { code: 'engine_unreachable', pattern: /^(listing workers for Build: )?failed to list workers: / },
  { code: 'builder_lost', pattern: /^failed to receive status: / },
  { code: 'builder_lost', pattern: /^(failed to solve: )?(rpc error: code = )?(Unavailable|Canceled)\b/ },
  // The output of a helper is not JSON; a `<` suggests a web page.
  {
    code: 'credential_helper_failed',
    pattern: /^failed to solve: (invalid character '[^<]' |unexpected end of JSON input)/,
  },
  { code: 'storage_full', pattern: /: no space left on device$/ },
];

/** Returns the code of an engine's failure. Unknown failures are the user's: `build_failed`. */
export function classify(failure: EngineFailure): ErrorCode {
  const { message } = failure;
  if (killedStep.some((pattern) => pattern.test(message))) return 'step_killed';
  if (failedStep.some((pattern) => pattern.test(message))) {
    const cannotRun = failure.output.some((line) => line.includes('exec format error'));
    return failure.foreignPlatform && cannotRun ? 'platform_unsupported' : 'build_failed';
  }
  const stage = pushTalk.some((pattern) => pattern.test(message)) ? 'push' : failure.stage;
  const isOfRegistry = registryTalk.some((pattern) => pattern.test(message));
  const find = (rows: readonly Row[]) =>
    rows.find((row) => (row.stage ?? stage) === stage && row.pattern.test(message))?.code;
  if (stage === 'build') return find(isOfRegistry ? registryFaults : engineFaults) ?? 'build_failed';
  // An engine that ends during a push does not blame the registry.
  const ofEngine = isOfRegistry ? undefined : find(engineFaults);
  return ofEngine ?? find(registryFaults) ?? codeOfPushRefusal(refusalFrom(message));
}

/** Returns the detail of a failure: the engine's message, with an explanation before it if the message needs one. */
export function failureDetail(code: ErrorCode, message: string): string {
  if (code !== 'step_killed') return message;
  const { title, remedy } = errorRow(code);
  return `${title}. ${remedy} ${message}`;
}

function refusalFrom(message: string): PushRefusal {
  const text = names.reduce((left, name) => left.replaceAll(name, ''), message);
  const [, method, ofRequest, inBrackets] = statusPattern.exec(text) ?? [];
  const status = ofRequest ?? inBrackets;
  return { status: status === undefined ? undefined : Number(status), method, text };
}
