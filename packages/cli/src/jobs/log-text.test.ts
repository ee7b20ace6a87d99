import { expect, test } from 'vitest';
import { createScreen } from '../terminal/terminal.js';
import { logText } from './log-text.js';

const people = createScreen({ isTTY: true, write: () => true }, {});
const file = createScreen({ isTTY: false, write: () => true }, {});
const at = '2026-11-22T14:20:43Z';

test.each([
  ['a step', `v: ${at} [2/3] RUN it 0.75s`, '\u001b[36m[2/3] RUN it 0.75s\u001b[39m'],
  ['a step that failed', `v: ${at} ERROR [2/3] RUN it`, '\u001b[31mERROR [2/3] RUN it\u001b[39m'],
  ['what the engine says', `s: ${at} exporting`, '\u001b[2m  exporting\u001b[22m'],
  ['what a step prints', `l: ${at} hello\u001b[2J`, '  hello'],
  ['an empty line that a step prints', `l: ${at}`, '  '],
  ['a line of another builder', '[2/3] RUN it\r', '[2/3] RUN it'],
])('%s', (_what, text, expected) => {
  expect(logText(people, text)).toBe(expected);
  expect(logText(file, text)).toBe(text);
});
