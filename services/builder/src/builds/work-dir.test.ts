import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterAll, expect, test } from 'vitest';
import { isRunning, WorkDir } from './work-dir.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

test('clears what a crashed process left, and leaves alone what is in use or not its own', async () => {
  const path = join(folder.path, 'work');
  const dead = spawnSync('true').pid;
  for (const name of [`${dead}-0123abcd`, `${process.ppid}-0123abcd`, `${process.pid}-0123abcd`, 'notes']) {
    await mkdir(join(path, name), { recursive: true });
    await writeFile(join(path, name, 'file'), 'x');
  }
  const workDir = await WorkDir.open(path);
  const own = await workDir.folder('build');
  expect(existsSync(own)).toBe(true);
  const left = (await readdir(path)).filter((name) => !own.includes(name));
  expect(left.sort()).toEqual([`${process.ppid}-0123abcd`, 'notes'].sort());
  await workDir.close();
  expect(existsSync(own)).toBe(false);
});

test('goes on when its folder was taken away', async () => {
  const path = join(folder.path, 'taken');
  const workDir = await WorkDir.open(path);
  await rm(path, { recursive: true });
  expect(existsSync(await workDir.folder('build'))).toBe(true);
});

test('the id of a build tells whether its process may still run', async () => {
  const workDir = await WorkDir.open(join(folder.path, 'ids'));
  const ids = [workDir.nextBuildId(), workDir.nextBuildId()];
  expect(new Set(ids).size).toBe(2);
  expect(ids.map(isRunning)).toEqual([false, false]);
  expect(isRunning(`${process.ppid}-0123abcd-1`)).toBe(true);
  expect(isRunning('nonsense')).toBe(false);
  await workDir.close();
});
