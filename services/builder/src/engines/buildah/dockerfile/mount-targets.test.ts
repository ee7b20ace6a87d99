import { describe, expect, test } from 'vitest';
import { type StageStart, withAbsoluteTargets } from './mount-targets.js';

const start = (workingDir: string, values: Record<string, string> = {}): StageStart => ({
  workingDir,
  environment: { values: new Map(Object.entries(values)), isComplete: true },
});
const bases = new Map([['base', start('/of/base', { HOME: '/root' })]]);
const changed = (dockerfile: string) =>
  withAbsoluteTargets({ dockerfile, buildArgs: { GIVEN: '/given' }, heredocs: true, bases });

test.each([
  ['FROM base\nRUN --mount=target=a x', '--mount=target=/of/base/a'],
  ['FROM other\nWORKDIR /w\nRUN --mount=dst=a,type=cache x', '--mount=dst=/w/a,type=cache'],
  ['FROM base\nARG GIVEN=no\nWORKDIR $GIVEN\nRUN --mount=target=. x', '--mount=target=/given x'],
  ['FROM base\nWORKDIR $HOME/x\nRUN --mount=target=../y x', '--mount=target=/root/y'],
  ['FROM scratch\nRUN --network=none --mount="target=a" x', '--mount="target=/a"'],
  ["FROM scratch\r\nRUN --mount=target='a' x\r\n", "--mount=target='/a' x"],
  ['FROM base AS A\nENV X /x\nFROM a\nWORKDIR $X\nRUN --mount=target=y z', '--mount=target=/x/y'],
  ['# escape=`\nFROM base\nRUN `\n  --mount=target=a `\n x', '--mount=target=/of/base/a `'],
])('%j', (dockerfile, expected) => expect(changed(dockerfile)).toContain(expected));

describe('leaves as it is', () => {
  test.each([
    ['an absolute target', 'FROM base\nRUN --mount=target=/a x'],
    ['a variable', 'FROM base\nRUN --mount=target=$A x'],
    ['an unknown base', 'FROM other\nRUN --mount=target=a x'],
    ['a variable of an unknown base', 'FROM other\nWORKDIR /a$B\nRUN --mount=target=a x'],
    ['a relative folder in an unknown base', 'FROM other\nWORKDIR a\nRUN --mount=target=a x'],
    ['secrets and agents', 'FROM base\nRUN --mount=type=secret,target=a --mount=target=b,type=ssh x'],
    ['words of the command', 'FROM base\nRUN x --mount=target=a \\\n  --mount=target=b'],
    ['here-documents', 'FROM base\nRUN <<E\nRUN --mount=target=a x\nE'],
    ['line ends of Windows', 'FROM base\r\nRUN --mount=target=/a x\r\n'],
    ['more stages than it follows', `${'FROM base\n'.repeat(1_001)}RUN --mount=target=a x`],
  ])('%s', (_what, dockerfile) => expect(changed(dockerfile)).toBe(dockerfile));
});

test.each([
  ['stages on stages', (n: number) => `FROM s${n} AS s${n + 1}\nENV V${n}=x\n`, 1_000],
  ['working folders', () => 'WORKDIR aaaaaaaaaa\nRUN --mount=target=a x\n', 100_000],
  ['flags', () => 'RUN ------------------------------"\n', 100_000],
  ['one long flag', () => '-', 10_000_000],
])('many %s do not exhaust the memory', (_what, line, count) => {
  const lines = Array.from({ length: count }, (_each, at) => line(at));
  expect(changed(`FROM base AS s0\nRUN --mount=target=a \\\n${lines.join('')}`)).toContain('/of/base/a');
});
