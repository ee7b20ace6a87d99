// Checks comments, messages and docs for words that docs/internals/style.md rules out. Usage: node scripts/words.mjs
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup/commands.mjs';

const words =
  /\b(anew|whoever|nobody|everybody|somebody|so many|under way|(?:is|are|was|were|be) (?:told|said)|known no more|no such thing)\b/i;
/** A docstring starts with what a function does or with a noun, not with a fragment of a sentence. */
const fragment = '(?:What|Of|Whether|Who|Whose|Those|How|Which|So|One|Until when|By what)\\b';
const docstring = new RegExp(`^\\s*/\\*\\*\\s+${fragment}`);
const firstLine = new RegExp(`^\\s*\\*\\s+${fragment}`);
const luaComment = new RegExp(`^\\s*-- ${fragment}`);
const checked = /\.(ts|tsx|mjs|cjs|lua|md|yml|yaml|sh|css|html|go|py)$/;
/** Generated files, the changelog, which tells what was, and this list itself. */
const left =
  /(^|\/)(schema\.ts|CHANGELOG\.md|pnpm-lock\.yaml)$|^security\/|^scripts\/words\.mjs$|internals\/style\.md$/;

const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
})
  .split('\0')
  .filter((file) => checked.test(file) && !left.test(file));
const findings = files.flatMap((file) => {
  const lines = readFileSync(join(root, file), 'utf8').split('\n');
  return lines.flatMap((line, at) => {
    const before = lines[at - 1] ?? '';
    const begins =
      docstring.test(line) ||
      (before.trim() === '/**' && firstLine.test(line)) ||
      (file.endsWith('.lua') && luaComment.test(line) && !before.trim().startsWith('--'));
    const found = words.exec(line)?.[0] ?? (begins ? 'begins with a fragment' : undefined);
    return found === undefined ? [] : [`${file}:${at + 1}: ${found}: ${line.trim().slice(0, 120)}`];
  });
});
for (const finding of findings) process.stderr.write(`${finding}\n`);
process.stdout.write(`words: ${files.length} files checked, ${findings.length} findings\n`);
process.exitCode = findings.length > 0 ? 1 : 0;
