import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter } from './lines.js';

function linesOf(chunks: readonly Buffer[], maxBytes = 1000): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter({ maxBytes, onLine: (line) => lines.push(line) });
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

test('however the bytes are cut, the lines are the same', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.integer({ min: 1, max: 7 }), (texts, size) => {
      const lines = texts.map((text) => text.replace(/[\r\n\uFFFD]/g, ''));
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expect(linesOf(chunks)).toEqual(lines);
    }),
  );
});

test('a last line without an end counts, an empty one does not', () => {
  expect(linesOf([Buffer.from('one\r\ntwo')])).toEqual(['one', 'two']);
  expect(linesOf([Buffer.from('one\n')])).toEqual(['one']);
});

test('what is beyond the limit of a line is dropped, the next line is whole', () => {
  const chunk = Buffer.from('0123456789');
  expect(linesOf([chunk, chunk, chunk, Buffer.from('\nnext\n')], 12)).toEqual(['012345678901…', 'next']);
  expect(linesOf([Buffer.from('aaää\n')], 3)).toEqual(['aa…']);
});
