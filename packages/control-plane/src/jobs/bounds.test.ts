import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cutText, jsonBytes } from '../text/index.js';
import { boundedTail } from './bounds.js';

const text = fc.string({ unit: fc.constantFrom('a', 'é', '🙂', '"', '\0', '\n'), maxLength: 9_000 });

describe('a text that is cut', () => {
  it('stays within its limit as JSON, and has no half characters', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 16, max: 5_000 }), (whole, most) => {
        const cut = cutText(whole, most);
        expect(jsonBytes(cut)).toBeLessThanOrEqual(Math.max(most, jsonBytes('…')));
        expect(Buffer.from(cut).toString()).toBe(cut);
        if (jsonBytes(whole) <= most) expect(cut).toBe(whole);
        else expect(whole.startsWith(cut.slice(0, -1))).toBe(true);
      }),
    );
  });
});

describe('the end of a log', () => {
  it('is the last lines, up to 16 KB as JSON', () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 50 }), (lines) => {
        const tail = boundedTail(lines);
        expect(jsonBytes(tail)).toBeLessThanOrEqual(16 * 1024);
        for (const line of tail) expect(Buffer.from(line).toString()).toBe(line);
        const whole = tail.slice(1);
        expect(lines.slice(lines.length - whole.length)).toEqual(whole);
        if (jsonBytes(lines) <= 16 * 1024) expect(tail).toEqual(lines);
      }),
    );
  });

  it('keeps the beginning of a last line that is too long', () => {
    const [line = ''] = boundedTail(['before', '🙂'.repeat(20_000)]);
    expect(line.length).toBeGreaterThan(5_000);
    expect(line.endsWith('🙂…')).toBe(true);
  });
});
