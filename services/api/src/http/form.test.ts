import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { codeOf } from '@slipway/shared/errors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readForm } from './form.js';

const boundary = 'XbX';
const head = (name: string, rest = '') => `Content-Disposition: form-data; name="${name}"\r\n${rest}\r\n`;
const part = (headers: string, content: string | Uint8Array) => [
  Buffer.from(`\r\n--${boundary}\r\n${headers}`),
  Buffer.from(content),
];
const end = Buffer.from(`\r\n--${boundary}--\r\n`);
const form = (...parts: readonly Buffer[][]) => Buffer.concat([...parts.flat(), end]);

/** Yields the body in these pieces. */
function requestOf(pieces: Iterable<Buffer>, contentType = `multipart/form-data; boundary=${boundary}`) {
  const headers = { 'content-type': contentType };
  return Object.assign(Readable.from(pieces), { headers, complete: true }) as unknown as IncomingMessage;
}

function* cutAt(body: Buffer, cuts: readonly number[]): Generator<Buffer> {
  const places = [...cuts.map((cut) => cut % (body.length + 1)), body.length].toSorted((a, b) => a - b);
  for (const [at, place] of places.entries()) yield body.subarray(places[at - 1] ?? 0, place);
}

async function partsOf(request: IncomingMessage, { parts = 2, maxBytes = 1024 * 1024 } = {}) {
  const found: [string, string][] = [];
  for await (const piece of readForm({ request, parts, maxBytes })) {
    const last = found.at(-1);
    if ('part' in piece) found.push([piece.part, '']);
    else if (last) last[1] += piece.bytes.toString('latin1');
  }
  return found;
}
const readAs = (body: Buffer, contentType?: string) =>
  partsOf(requestOf([body], contentType)).catch((error: unknown) => [codeOf(error), String(error)]);

describe('a form', () => {
  it('has the same parts in any chunks', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // Almost a boundary.
      fc
        .array(fc.constantFrom('\r\n', '--', 'Xb', 'X', '-', '\r', '\n'), { maxLength: 20 })
        .map((pieces) => pieces.join(''))
        .filter((text) => !text.includes(boundary))
        .map((text) => Buffer.from(text)),
    );
    await fc.assert(
      fc.asyncProperty(bytes, bytes, fc.array(fc.nat(), { maxLength: 12 }), async (one, two, cuts) => {
        const body = form(part(head('a', 'Content-Type: text/plain\r\n'), one), part(head('b'), two));
        expect(await partsOf(requestOf(cutAt(body, cuts)))).toEqual([
          ['a', Buffer.from(one).toString('latin1')],
          ['b', Buffer.from(two).toString('latin1')],
        ]);
      }),
      { numRuns: 300 },
    );
  });

  it('is never complete when it was cut short', async () => {
    const body = form(part(head('a'), 'one'), part(head('b'), 'two'));
    // The line break after the last boundary has no meaning.
    for (let length = 0; length < body.length - 2; length++) {
      const [code] = await readAs(body.subarray(0, length));
      expect([length, code]).toEqual([length, 'body_incomplete']);
    }
  });

  it('ends for any input', async () => {
    const odd = ['\r\n', '--', `\r\n--${boundary}`, end, ':', head('a'), '"', '\0', '\n', 'name*=', ' ', ';'];
    const whole = form(part(head('a'), 'one'), part(head('b'), 'two'));
    const known = ['body_incomplete', 'request_invalid'];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...odd.map((text) => Buffer.from(text))), { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 5 }),
        fc.nat(whole.length),
        fc.nat(whole.length),
        async (inserted, cuts, from, to) => {
          const body = Buffer.concat([whole.subarray(0, from), ...inserted, whole.subarray(to)]);
          const found = await partsOf(requestOf(cutAt(body, cuts))).catch(codeOf);
          if (typeof found === 'string') expect(known).toContain(found);
          else expect(found.length).toBeLessThanOrEqual(2);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ['more parts than the limit', form(...['a', 'b', 'c'].map((name) => part(head(name), ''))), undefined],
    [
      'more parts, one of them unreadable',
      form(part('X', ''), part(head('a'), ''), part(head('b'), '')),
      undefined,
    ],
    ['an encoding', form(part(head('a', 'Content-Transfer-Encoding: base64\r\n'), 'YQ==')), undefined],
    ['no boundary', form(part(head('a'), '')), 'multipart/form-data'],
    [
      'a boundary that is too long',
      form(part(head('a'), '')),
      `multipart/form-data; boundary=${'x'.repeat(300)}`,
    ],
  ])('is refused when it has %s', async (_what, body, contentType) => {
    expect(await readAs(body, contentType)).toEqual([
      'request_invalid',
      expect.stringContaining('The form in the body is not valid'),
    ]);
  });

  it('is refused when it is larger than the limit, in any of its parts', async () => {
    const large = 'x'.repeat(2_000);
    for (const body of [
      form(part(head('a'), large)),
      form(part(head('a', `X-Long: ${large}\r\n`), '')),
      Buffer.concat([Buffer.from(large), form(part(head('a'), ''))]),
      Buffer.concat([form(part(head('a'), '')), Buffer.from(large)]),
    ]) {
      const read = partsOf(requestOf(cutAt(body, [100, 1_000])), { maxBytes: 1_000 });
      await expect(read).rejects.toMatchObject({ code: 'body_too_large' });
    }
  });

  it('ignores data before and after it', async () => {
    const body = Buffer.concat([Buffer.from('before'), form(part(head('a'), 'one')), Buffer.from('after')]);
    for (const cuts of [[], [body.length - 5], [...body.keys()]]) {
      expect(await partsOf(requestOf(cutAt(body, cuts)))).toEqual([['a', 'one']]);
    }
  });

  it('is read no further than requested', async () => {
    const piece = Buffer.alloc(64 * 1024);
    let sent = 0;
    function* body() {
      yield Buffer.concat(part(head('a'), ''));
      for (; sent < 1_000; sent++) yield piece;
      yield end;
    }
    const pieces = readForm({ request: requestOf(body()), parts: 1, maxBytes: 100_000_000 });
    let taken = 0;
    while (taken < 10 * piece.length) {
      const { value } = await pieces.next();
      if (value && 'bytes' in value) taken += value.bytes.length;
    }
    // Streams buffer some bytes.
    expect(sent).toBeLessThan(50);
    await pieces.return();
  });
});
