import { visible } from '@slipway/client';

/** A terminal colour from 0 to 15, or any other as `#rrggbb`. */
type Colour = number | `#${string}`;

/** Style of text, after ECMA-48's SGR. */
export interface TextStyle {
  readonly fg?: Colour;
  readonly bg?: Colour;
  readonly bold?: true;
  readonly dim?: true;
  readonly italic?: true;
  readonly underline?: true;
  readonly inverse?: true;
}

export interface Span {
  readonly text: string;
  readonly style: TextStyle;
}

export const plain: TextStyle = Object.freeze({});

/** CSI, OSC, other strings, two-character escapes, and all other invisible characters. Tabs stay. */
const controls =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression matches control characters
  /\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-~]|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression matches control characters
const anyControl = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;

/** Returns the plain text, as it is shown and searched. */
export function withoutControls(text: string): string {
  const seen = visible(text);
  return anyControl.test(seen) ? seen.replace(controls, '') : seen;
}

/**
 * Splits a line into spans of one style each. `start` is the style left on by the lines before; `end` is the style left on
 * by this line. Escapes other than colours and weights are dropped.
 */
export function parseAnsi(line: string, start: TextStyle = plain): { spans: Span[]; end: TextStyle } {
  const text = visible(line);
  const spans: Span[] = [];
  let style = start;
  let from = 0;
  const push = (to: number) => {
    if (to > from) spans.push({ text: text.slice(from, to), style });
  };
  for (const match of text.matchAll(controls)) {
    push(match.index);
    from = match.index + match[0].length;
    if (match[2] === 'm') style = applyCodes(style, match[1] ?? '');
  }
  push(text.length);
  return { spans, end: style };
}

type Draft = { -readonly [key in keyof TextStyle]: TextStyle[key] };

function applyCodes(style: TextStyle, parameters: string): TextStyle {
  const codes = parameters.split(/[;:]/).map(Number);
  let next: Draft = { ...style };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code === 0) next = {};
    else if (code === 38 || code === 48) {
      const { colour, used } = extendedColour(codes.slice(at + 1));
      at += used;
      if (colour !== undefined) next[code === 38 ? 'fg' : 'bg'] = colour;
    } else applyCode(next, code);
  }
  return Object.keys(next).length === 0 ? plain : next;
}

const flags = new Map<number, 'bold' | 'dim' | 'italic' | 'underline' | 'inverse'>([
  [1, 'bold'],
  [2, 'dim'],
  [3, 'italic'],
  [4, 'underline'],
  [7, 'inverse'],
]);

function applyCode(style: Draft, code: number): void {
  const flag = flags.get(code);
  if (flag) style[flag] = true;
  else if (code === 22) {
    delete style.bold;
    delete style.dim;
  } else if (code === 23) delete style.italic;
  else if (code === 24) delete style.underline;
  else if (code === 27) delete style.inverse;
  else if (code === 39) delete style.fg;
  else if (code === 49) delete style.bg;
  else if (code >= 30 && code <= 37) style.fg = code - 30;
  else if (code >= 40 && code <= 47) style.bg = code - 40;
  else if (code >= 90 && code <= 97) style.fg = code - 82;
  else if (code >= 100 && code <= 107) style.bg = code - 92;
}

/** Parses the codes after 38 or 48: `5;n` for 256 colours, or `2;r;g;b`. */
function extendedColour(codes: readonly number[]): { colour?: Colour; used: number } {
  const [mode, first = -1, second = -1, third = -1] = codes;
  if (mode === 5) {
    if (!isByte(first)) return { used: 2 };
    return { colour: first < 16 ? first : paletteColour(first), used: 2 };
  }
  if (mode !== 2) return { used: 1 };
  return [first, second, third].every(isByte) ? { colour: hex(first, second, third), used: 4 } : { used: 4 };
}

const isByte = (value: number) => Number.isInteger(value) && value >= 0 && value <= 255;

const hex = (...parts: readonly number[]): Colour =>
  `#${parts.map((part) => part.toString(16).padStart(2, '0')).join('')}`;

/** Returns a colour of xterm's palette: a cube of six levels per channel, then grey. */
function paletteColour(index: number): Colour {
  if (index >= 232) return hex(...Array<number>(3).fill(8 + (index - 232) * 10));
  const level = (step: number) => (step === 0 ? 0 : 55 + step * 40);
  const cube = index - 16;
  return hex(level(Math.floor(cube / 36)), level(Math.floor(cube / 6) % 6), level(cube % 6));
}
