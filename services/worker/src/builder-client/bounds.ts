import { SlipwayError } from '@slipway/shared/errors';

/** Limit of a line of a stream. Slipway's own builder keeps its lines under 64 KiB. */
const maxLineBytes = 1024 * 1024;
/** A buffered answer: one object with the whole log. */
const maxObjectBytes = 16 * 1024 * 1024;
/** A whole stream. Its lines are not kept; the bound ends one that only costs time. */
const maxStreamBytes = 256 * 1024 * 1024;
/** An answer is an object that holds lists of lines: nothing in it lies deeper. */
const maxDepth = 8;
/** Values of one object: each costs memory, however short its text is. */
const maxValues = 100_000;
/** Shorter lines need no check: no content of this size costs much. */
const harmlessBytes = 4 * 1024;

const tooMuch = (what: string) => new SlipwayError('builder_protocol', `The builder's answer ${what}.`);

/**
 * Yields the JSON texts of a replica's answer: one for each line of a stream, or one for a buffered answer, which may lie on one line or
 * over several. Throws `builder_protocol` as soon as a bound is passed, before the text is parsed.
 */
export async function* answerTexts(body: AsyncIterable<Uint8Array>, ndjson: boolean): AsyncGenerator<string> {
  if (ndjson) {
    for await (const line of linesOf(body)) yield line;
    return;
  }
  const whole = await readWhole(body);
  const text = whole.toString('utf8');
  if (isJson(text)) {
    yield text;
    return;
  }
  // Some builders stream without saying so.
  yield* text.split('\n');
}

async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let bytes = 0;
  const take = (end: Uint8Array): string => {
    const line = Buffer.concat([...rest, end]);
    rest = [];
    restBytes = 0;
    checkShape(line);
    return line.toString('utf8');
  };
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxStreamBytes) throw tooMuch(`is longer than ${maxStreamBytes / 1024 ** 2} MiB`);
    let from = 0;
    for (let at = chunk.indexOf(0x0a); ; at = chunk.indexOf(0x0a, from)) {
      const end = at === -1 ? chunk.length : at;
      if (restBytes + end - from > maxLineBytes) {
        throw tooMuch(`has a line of more than ${maxLineBytes / 1024} KiB`);
      }
      if (at === -1) break;
      yield take(chunk.subarray(from, at));
      from = at + 1;
    }
    // The chunk is only lent.
    const left = Buffer.from(chunk.subarray(from));
    rest.push(left);
    restBytes += left.length;
  }
  yield take(Buffer.alloc(0));
}

async function readWhole(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxObjectBytes) throw tooMuch(`is longer than ${maxObjectBytes / 1024 ** 2} MiB`);
    chunks.push(Buffer.from(chunk));
  }
  const whole = Buffer.concat(chunks);
  checkShape(whole);
  return whole;
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;

/** Counts depth and values over the bytes, since parsing already costs memory for each of them. */
function checkShape(json: Uint8Array): void {
  if (json.length <= harmlessBytes) return;
  let depth = 0;
  let values = 0;
  let inString = false;
  for (let at = 0; at < json.length; at++) {
    const byte = json[at];
    if (inString) {
      if (byte === backslash) at++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === comma) values++;
    else if (byte === 0x5b || byte === 0x7b) {
      depth++;
      values++;
    } else if (byte === 0x5d || byte === 0x7d) depth--;
    // A new line begins a new object.
    else if (byte === 0x0a && depth <= 0) values = 0;
    if (depth > maxDepth) throw tooMuch(`is nested more than ${maxDepth} levels deep`);
    if (values > maxValues) throw tooMuch(`holds more than ${maxValues} values in one object`);
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
