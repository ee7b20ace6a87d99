// Checks every Lua file with luacheck. A file is checked with its includes, as Redis receives it. Usage: node scripts/lua.mjs
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { root, which } from './setup/commands.mjs';

const include = /^--- @include "([^"]+)"$/;
const made = join(root, '.cache', 'lua');
const folders = ['packages', 'services']
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name, 'lua')))
  .filter((folder) => existsSync(folder));

if (which('luacheck') === undefined) {
  process.stderr.write(
    'lua: luacheck is missing; `npm run setup -- --engines=all` installs it (Debian: lua-check)\n',
  );
  process.exit(1);
}
/** Scripts have one source of the time: a test or a simulation gives them another clock (packages/shared/src/virtual-time). */
const timeFile = join('packages', 'shared', 'lua', 'include', 'time.lua');
rmSync(made, { recursive: true, force: true });
mkdirSync(made, { recursive: true });
const origins = new Map();
for (const folder of folders) {
  for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.lua') || file.split(sep).includes('include')) continue;
    const lines = linesOf(join(folder, file), new Set());
    // `args`, `keys` and `constants` are made by packages/shared/src/redis/script.ts, which refuses names that they do not have.
    lines.unshift({
      text: 'local base, args, keys, constants = KEYS[1], {}, {}, {} -- luacheck: ignore 211',
    });
    const path = join(made, `${origins.size}.lua`);
    writeFileSync(path, lines.map(({ text }) => text).join('\n'));
    origins.set(path, lines);
  }
}
const { stdout } = spawnSync(
  'luacheck',
  [
    ...['--std', 'lua51', '--read-globals', 'redis', 'cjson', 'KEYS', 'ARGV', '--no-max-line-length'],
    ...['--no-color', '--formatter', 'plain', '--codes', '--', ...origins.keys()],
  ],
  { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
);
const clocks = [...origins.values()]
  .flat()
  .filter(({ text, file }) => text.includes("'TIME'") && file !== timeFile)
  .map(({ file, at }) => `${file}:${at}: (T001) include "include/time" for the time`);
const findings = stdout.split('\n').flatMap((line) => {
  const [, path, number, rest] = /^(.*?\.lua):(\d+):(.*)$/.exec(line) ?? [];
  if (path === undefined) return [];
  const { file, at } = origins.get(path)?.[Number(number) - 1] ?? {};
  return [`${file}:${at}:${rest}`];
});
findings.push(...clocks);
for (const finding of new Set(findings)) process.stderr.write(`${finding}\n`);
process.exitCode = findings.length > 0 ? 1 : 0;
process.stdout.write(`lua: ${origins.size} scripts checked, ${new Set(findings).size} findings\n`);

/** The lines of a file with its includes. An include may define more than one file uses. */
function linesOf(path, included) {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((text, at) => {
      const name = include.exec(text)?.[1];
      if (name === undefined) return [{ text, file: relative(root, path), at: at + 1 }];
      if (included.has(name)) return [];
      included.add(name);
      const found = folders
        .map((folder) => join(folder, `${name}.lua`))
        .find((candidate) => existsSync(candidate));
      if (found === undefined)
        throw new Error(`${relative(root, path)} includes ${name}, which there is not`);
      return [
        { text: '-- luacheck: push ignore 211' },
        ...linesOf(found, included),
        { text: '-- luacheck: pop' },
      ];
    });
}
