import { type ErrorCode, errorCodes, SlipwayError } from '@slipway/shared/errors';
import { classify } from '@slipway/shared/failures';
import { z } from 'zod';

/** How a replica says a build ended. */
export type BuildEnd =
  | {
      readonly status: 'success';
      readonly image: string | undefined;
      readonly digest: string | undefined;
      readonly durationMs: number;
    }
  | { readonly status: 'failed'; readonly code: ErrorCode; readonly detail: string };

/** One line of the stream or the whole buffered answer, in every spelling that builders use (protocol.md). */
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
});
type Answer = z.infer<typeof answerSchema>;

/** A line of a stream is under 64 KiB; a buffered answer is one object with the whole log. */
const maxObjectBytes = 32 * 1024 * 1024;
const linesKeptForClassifying = 50;

interface ReadAnswerOptions {
  readonly body: AsyncIterable<Uint8Array>;
  /** Whether the replica says that it streams one object a line. */
  readonly ndjson: boolean;
  readonly onLog: (lines: readonly string[]) => void;
}

/**
 * Reads a replica's answer: log lines go to `onLog` as they come, the terminal status is returned.
 * Throws `builder_protocol` when the answer ends without a terminal status or cannot be read.
 */
export async function readAnswer({ body, ndjson, onLog }: ReadAnswerOptions): Promise<BuildEnd> {
  const recent: string[] = [];
  for await (const text of ndjson ? linesOf(body) : objectsOf(body)) {
    if (text.trim() === '') continue;
    const answer = parseAnswer(text);
    const lines = [...(answer.log ?? []), ...(answer.logs ?? [])];
    if (lines.length > 0) onLog(lines);
    recent.push(...lines.slice(-linesKeptForClassifying));
    recent.splice(0, recent.length - linesKeptForClassifying);
    const end = endOf(answer, recent);
    if (end) return end;
  }
  throw new SlipwayError(
    'builder_protocol',
    'The builder ended its answer without saying how the build ended.',
  );
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > maxObjectBytes) {
      throw new SlipwayError('builder_protocol', 'A line of the answer is too long.');
    }
  }
  yield rest;
}

/** A buffered answer is one object, on one line or over several; some builders stream without saying so. */
async function* objectsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let whole = '';
  for await (const line of linesOf(body)) {
    whole += `${line}\n`;
    if (whole.length > maxObjectBytes) throw new SlipwayError('builder_protocol', 'The answer is too long.');
  }
  if (isJson(whole)) yield whole;
  else yield* whole.split('\n');
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
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

/** Failure is spelled `failed`, `failure`, or with its message in the status itself, as older builders do. */
function endOf(answer: Answer, log: readonly string[]): BuildEnd | undefined {
  const { status } = answer;
  if (status === 'in_progress') return undefined;
  if (status === 'success') {
    return {
      status,
      image: answer.image ?? answer.imageName ?? undefined,
      digest: answer.digest ?? undefined,
      durationMs: Math.round((answer.duration ?? 0) * 1000),
    };
  }
  const failure = /^(?:unexpected failure|failure|failed)(?::\s*(.*))?$/s.exec(status);
  if (!failure) {
    throw new SlipwayError('builder_protocol', `The builder answered an unknown status: ${excerpt(status)}`);
  }
  const detail = answer.error || failure[1] || 'The build failed.';
  return { status: 'failed', code: codeFrom(answer.code) ?? codeOfFailure(detail, log), detail };
}

/** Builders that send no code run BuildKit, whose message is in the error or the last line of the log. */
function codeOfFailure(detail: string, log: readonly string[]): ErrorCode {
  for (const message of [detail, log.at(-1) ?? '']) {
    const code = classify({ message, stage: 'build', output: log, foreignPlatform: false });
    if (code !== 'build_failed') return code;
  }
  return 'build_failed';
}

/** A code of the table, if it is one. */
export const codeFrom = (code: string | null | undefined): ErrorCode | undefined =>
  errorCodes.find((known) => known === code);
