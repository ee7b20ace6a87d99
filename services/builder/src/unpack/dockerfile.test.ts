import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findDockerfile } from './dockerfile.js';

let context: string;
beforeEach(async () => {
  context = await mkdtemp(join(tmpdir(), 'slipway-dockerfile-'));
});
afterEach(() => rm(context, { recursive: true }));

test('an archive with one top folder is refused with the name of the folder', async () => {
  await mkdir(join(context, 'fn-1.0'));
  await writeFile(join(context, 'fn-1.0', 'Dockerfile'), 'FROM scratch');
  await expect(findDockerfile(context, 'Dockerfile')).rejects.toMatchObject({
    code: 'source_invalid',
    message: expect.stringContaining('All files lie in "fn-1.0"'),
  });
});

test('a context with files beside the folder is refused without that hint', async () => {
  await mkdir(join(context, 'fn-1.0'));
  await writeFile(join(context, 'fn-1.0', 'Dockerfile'), 'FROM scratch');
  await writeFile(join(context, 'README'), '');
  await expect(findDockerfile(context, 'Dockerfile')).rejects.toMatchObject({
    message: expect.not.stringContaining('All files lie in'),
  });
});
