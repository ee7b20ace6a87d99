import { expect, test } from 'vitest';
import { mayMount } from './layers.js';

const mount = '--mount=type=bind,source=a,target=/a';

test.each([
  ['plainly', `FROM x\nRUN ${mount} sh /a`],
  ['in lower case', `from x\nrun ${mount} sh /a`],
  ['in mixed case', `FROM x\nRuN ${mount} sh /a`],
  ['in an earlier stage', `FROM x AS a\nRUN ${mount} sh /a\nFROM y\nRUN ls`],
  ['behind another flag', `FROM x\nRUN --network=none ${mount} sh /a`],
  ['behind a tab', `FROM x\n\tRUN\t${mount} sh /a`],
  ['behind a no-break space', `FROM x\nRUN\u00a0${mount} sh /a`],
  ['behind many spaces', `FROM x\n${' '.repeat(9_000)}RUN${' '.repeat(9_000)}${mount} sh /a`],
  ['on the next line', `FROM x\nRUN \\\n  ${mount} sh /a`],
  ['behind comments and empty lines', `FROM x\nRUN \\\n# c\n\n   # d\n  ${mount} sh /a`],
  ['in the middle of a word', `FROM x\nRU\\\nN --mou\\\nnt=type=bind sh /a`],
  ['in quotes', `FROM x\nRUN --"mount"=type=bind sh /a`],
  ['with escapes', `FROM x\nRUN --m\\ount=type=bind sh /a`],
  ['behind another escape character', `# escape=\`\nFROM x\nRUN \`\n ${mount} sh /a`],
  ['with Windows line ends', `FROM x\r\nRUN \\\r\n ${mount} sh /a\r\n`],
  ['as a trigger', `FROM x\nONBUILD RUN ${mount} sh /a`],
  ['as a trigger of a trigger without end', `FROM x\n${'ONBUILD '.repeat(5_000)}RUN ${mount} sh /a`],
  ['below a here-document', `FROM x\nRUN <<EOF\necho \\\nEOF\nRUN ${mount} sh /a`],
  ['below a here-document that has no end', `FROM x\nRUN cat <<EOF\nRUN ${mount} sh /a`],
  ['with a byte order mark', `\uFEFFRUN ${mount} sh /a`],
])('a mount is seen %s', (_how, dockerfile) => {
  expect(mayMount(dockerfile)).toBe(true);
});

test.each([
  ['no step', 'FROM x\nCOPY --from=y /a /b\n'],
  ['steps without flags', 'FROM x\nRUN apt-get install --no-install-recommends y\nRUN ["a", "--mount"]\n'],
  ['a mount in a comment', `FROM x\n# RUN ${mount} sh /a\n`],
  ['a mount in another instruction', `FROM x\nLABEL a="RUN ${mount}"\n`],
])('none is seen with %s', (_what, dockerfile) => {
  expect(mayMount(dockerfile)).toBe(false);
});

test('a Dockerfile of many lines that go on takes no long time', () => {
  expect(mayMount('\\\n'.repeat(300_000))).toBe(false);
  expect(mayMount(`RUN \\\n${'# c\n'.repeat(300_000)}${mount}`)).toBe(true);
});
