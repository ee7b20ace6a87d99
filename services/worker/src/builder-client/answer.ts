import {
  type Base,
  baseSchema,
  canonicalImage,
  type ImageReference,
  maxBases,
  parseImageReference,
} from '@slipway/shared/contracts';
import { type ErrorCode, errorCodes, errorRow, SlipwayError } from '@slipway/shared/errors';
import { classify, failureDetail } from '@slipway/shared/failures';
import { LoggedBases } from '@slipway/shared/function-builder';
import { z } from 'zod';
import { answerTexts } from './bounds.js';

/** The end of a build, as the replica reports it. */
export type BuildEnd =
  | {
      readonly status: 'success';
      readonly digest: string | undefined;
      readonly durationMs: number;
      readonly bases: ReportedBases;
    }
  | { readonly status: 'failed'; readonly code: ErrorCode; readonly detail: string };

/** The base images that a replica reported. A reference may have two digests. */
export interface ReportedBases {
  /** `log`: a Dockerfile may have forged them, so only images that it names count. */
  readonly from: 'result' | 'log';
  readonly list: readonly Base[];
}

/** A line of the stream or the whole buffered answer, in every spelling that builders use (protocol.md). */
const answerSchema = z.object({
  log: z.array(z.string()).nullish(),
  logs: z.array(z.string()).nullish(),
  image: z.string().nullish(),
  imageName: z.string().nullish(),
  status: z.string(),
  error: z.string().nullish(),
  code: z.string().nullish(),
  digest: z.string().nullish(),
  duration: z.number().nullish(),
  draining: z.boolean().nullish(),
  bases: z.unknown().optional(),
  line: z.int().nonnegative().nullish(),
});
type Answer = z.infer<typeof answerSchema>;

/** Lines of the log, and how much of each, that are kept to classify a failure. */
const linesKeptForClassifying = 50;
const unitsKeptOfLine = 8 * 1024;

/** Bytes of a replica's message that a job's record keeps. */
const maxDetailBytes = 4 * 1024;

/** Longer than any build; what is beyond it would spoil every estimate. */
const maxDurationSeconds = 7 * 24 * 3600;

/** Codes that only the control plane may set. */
const slipwaysOwn: readonly ErrorCode[] = [
  'quarantined',
  'superseded',
  'expired',
  'canceled',
  'batch_stopped',
  'worker_lost',
  'retries_exhausted',
  'redis_unavailable',
  'redis_full',
  'record_unreadable',
];

interface ReadAnswerOptions {
  readonly body: AsyncIterable<Uint8Array>;
  /** The replica reports that it streams one object per line. */
  readonly ndjson: boolean;
  /** The image that was asked for. */
  readonly image: string;
  /** Receives lines. `line` is the number of the first of them in the log of the build, counted from 0, if the replica numbers them. */
  readonly onLog: (lines: readonly string[], line?: number) => void;
  /** Called when the replica reports that it drains. It may finish the build all the same. */
  readonly onDraining: () => void;
}

/**
 * Reads a replica's answer: log lines go to `onLog` as they come, the terminal status is returned.
 * Throws `builder_protocol` when the answer ends without a terminal status, cannot be read, is out of bounds, or tells of a
 * result that is none.
 */
export async function readAnswer(options: ReadAnswerOptions): Promise<BuildEnd> {
  const { body, ndjson, image, onLog, onDraining } = options;
  const recent: string[] = [];
  const logged = new LoggedBases();
  for await (const text of answerTexts(body, ndjson)) {
    if (text.trim() === '') continue;
    const answer = parseAnswer(text);
    if (answer.draining) onDraining();
    const lines = [...(answer.log ?? []), ...(answer.logs ?? [])];
    // A result has the number of all lines.
    if (lines.length > 0 || answer.line != null) onLog(lines, answer.line ?? undefined);
    recent.push(...lines.slice(-linesKeptForClassifying).map((line) => line.slice(0, unitsKeptOfLine)));
    recent.splice(0, recent.length - linesKeptForClassifying);
    logged.read(lines);
    const end = endOf({ answer, log: recent, image, logged });
    if (end) return end;
  }
  throw new SlipwayError(
    'builder_protocol',
    'The builder ended its answer without saying how the build ended.',
  );
}

function parseAnswer(text: string): Answer {
  try {
    return answerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new SlipwayError('builder_protocol', `The builder's answer cannot be read: ${excerpt(text)}`, {
      cause,
    });
  }
}

const excerpt = (text: string) => JSON.stringify(text.slice(0, 120));

interface EndOptions {
  readonly answer: Answer;
  readonly log: readonly string[];
  readonly image: string;
  readonly logged: LoggedBases;
}

/** Failure is spelled `failed`, `failure`, or with its message in the status itself, as older builders do. */
function endOf({ answer, log, image, logged }: EndOptions): BuildEnd | undefined {
  const { status } = answer;
  if (status === 'in_progress') return undefined;
  if (status === 'success') {
    const named = [answer.image, answer.imageName].flatMap((name) => (name ? [namedImage(name, image)] : []));
    const digests = [
      ...(answer.digest ? [checkDigest(answer.digest)] : []),
      ...named.flatMap((digest) => digest ?? []),
    ];
    if (new Set(digests).size > 1) throw wrong('two digests', digests.join(' '), 'an image has one');
    const durationMs = Math.round(checkDuration(answer.duration ?? 0) * 1000);
    return { status, digest: digests[0], durationMs, bases: reportedBases(answer.bases, logged) };
  }
  const failure = /^(?:unexpected failure|failure|failed)(?::\s*(.*))?$/s.exec(status);
  if (!failure) {
    throw new SlipwayError('builder_protocol', `The builder answered an unknown status: ${excerpt(status)}`);
  }
  const said = answer.error || failure[1] || 'The build failed.';
  const known = codeFrom(answer.code);
  const code = known ?? codeOfFailure(said, log);
  const detail = known === undefined ? failureDetail(code, said) : said;
  return { status: 'failed', code, detail: cutToBytes(detail, maxDetailBytes) };
}

/** Returns the base images of a result, or those of the log. Drops what is out of shape: the field is an extension, which another builder may use otherwise. */
function reportedBases(given: unknown, logged: LoggedBases): ReportedBases {
  if (!Array.isArray(given)) return { from: 'log', list: logged.values() };
  const list = given.slice(0, maxBases).flatMap((each: unknown) => {
    const { success, data } = baseSchema.safeParse(each);
    const reference = success ? canonicalImage(data.reference) : undefined;
    return reference === undefined ? [] : [{ ...data, reference }];
  });
  return { from: 'result', list };
}

const wrong = (what: string, value: string, why: string) =>
  new SlipwayError('builder_protocol', `The builder answered the ${what} ${excerpt(value)}, ${why}.`);

/** Returns the digest that the name carries, if any. Throws when it names another image than the one asked for. */
function namedImage(text: string, asked: string): string | undefined {
  const [named, wanted] = [parseImageReference(text), parseImageReference(asked)];
  if (!named || !wanted || spelled(named) !== spelled(wanted)) {
    throw wrong('image', text, `and ${asked} was asked for`);
  }
  return named.digest === undefined ? undefined : checkDigest(named.digest);
}

/** A reference in full, without its digest: with the registry and the tag that are meant where none is named. */
function spelled({ domain, path, tag = 'latest' }: ImageReference): string {
  const hub = ['', 'docker.io', 'index.docker.io'].includes(domain.toLowerCase());
  if (!hub) return `${domain.toLowerCase()}/${path}:${tag}`;
  return `docker.io/${path.includes('/') ? path : `library/${path}`}:${tag}`;
}

function checkDigest(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(text)) return text;
  throw wrong('digest', text, 'which is no sha256 digest');
}

function checkDuration(seconds: number): number {
  if (seconds >= 0 && seconds <= maxDurationSeconds) return seconds;
  throw new SlipwayError(
    'builder_protocol',
    `The builder answered the duration ${seconds}, which is not between 0 s and 7 days.`,
  );
}

function cutToBytes(text: string, most: number): string {
  if (Buffer.byteLength(text) <= most) return text;
  const mark = '…';
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(most - Buffer.byteLength(mark)));
  return text.slice(0, read) + mark;
}

/**
 * Builders that send no code run BuildKit, whose message is in the error or the last line of the log. That line may be the user's own output, so it
 * blames no replica.
 */
function codeOfFailure(detail: string, log: readonly string[]): ErrorCode {
  const codeOf = (message: string) =>
    classify({ message, stage: 'build', output: log, foreignPlatform: false });
  const said = codeOf(detail);
  if (said !== 'build_failed') return said;
  const logged = codeOf(log.at(-1) ?? '');
  return errorRow(logged).fault === 'fleet' ? 'build_failed' : logged;
}

/** A code of the table that a builder may decide, if it is one. */
export const codeFrom = (code: string | null | undefined): ErrorCode | undefined =>
  errorCodes.find((known) => known === code && !slipwaysOwn.includes(known));
