import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { expect, onTestFinished, test } from 'vitest';
import { root } from '../compose/model.js';
import { startProgram } from '../program.js';
import { processesWith } from './command.js';

/** Returns a folder with the files that a clone of this checkout would have. */
async function cloned(): Promise<string> {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    maxBuffer: 64 * 1024 * 1024,
  });
  for (const path of new Set(listed.toString().split('\0'))) {
    if (path !== '' && existsSync(join(root, path))) cpSync(join(root, path), join(folder.path, path));
  }
  return folder.path;
}

test('the first commands of README.md work in a fresh clone: up, the dashboard and a build', {
  timeout: 600_000,
}, async () => {
  const cwd = await cloned();
  const mark = randomUUID();
  const env = {
    SLIPWAY_DATA: join(cwd, '.data'),
    SLIPWAY_E2E_CLONE: mark,
    // Set-up of the checkout that runs the tests has filled the caches.
    npm_config_offline: 'true',
    SLIPWAY_URL: '',
    SLIPWAY_TOKEN: '',
  };
  const run = (...args: string[]) =>
    startProgram('npm', ['run', '--silent', 'slipway', '--', ...args], { cwd, env });

  const up = run('up', '--json', '--builders', '1', '--workers', '1');
  // A terminal signals all processes of the command; the others wait for this one.
  const interrupt = () => {
    for (const line of processesWith(`SLIPWAY_E2E_CLONE=${mark}`))
      if (/packages\/cli\/dist\/main\.js up /.test(line)) process.kill(Number.parseInt(line, 10), 'SIGINT');
  };
  onTestFinished(async () => {
    interrupt();
    await up.ended;
  });
  await up.said(/^\{.*\}\n/m);
  // A program that reads standard output gets only the result.
  const { url, registry } = JSON.parse(up.out()) as { url: string; registry: string };
  expect(up.err()).toMatch(/^setup: ready in /m);

  const page = await fetch(`${url}/`);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('<div id="root">')]);
  expect(await run('status', '--json').ended).toMatchObject({ exit: 0, err: '' });

  const commands = /^mkdir -p my-function\n(printf .*)\n/m.exec(readFileSync(join(cwd, 'README.md'), 'utf8'));
  execFileSync('sh', ['-c', commands?.[0] ?? 'exit 1'], { cwd });
  const image = `${registry}/my-function:1`;
  expect((await run('build', './my-function', '--image', image).ended).out).toMatch(`${image}@sha256:`);

  interrupt();
  expect((await up.ended).exit).toBe(0);
  expect(processesWith(`SLIPWAY_E2E_CLONE=${mark}`)).toEqual([]);
});
