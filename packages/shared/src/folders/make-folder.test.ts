import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { makeFolder } from './index.js';

const scratch = () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
};

it('creates a folder and its parents, also for several callers at once', async () => {
  const path = join(scratch(), 'a', 'b', 'c');
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(path, { mode: 0o700 })));
  await makeFolder(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

it('rejects below a file, and where the file system takes no folders', async () => {
  const file = join(scratch(), 'file');
  writeFileSync(file, '');
  await expect(makeFolder(file)).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(file, 'a', 'b'))).rejects.toMatchObject({ code: 'ENOTDIR' });
  await expect(makeFolder('/proc/x/y')).rejects.toMatchObject({ code: 'ENOENT' });
});
