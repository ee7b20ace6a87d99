import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FolderSyncs } from './file-scratch.js';

it('gives all sharers of a sync its result, and starts a new sync for later callers', async () => {
  const root = await mkdtemp(join(tmpdir(), 'slipway-syncs-'));
  const folder = join(root, 'folder');
  const syncs = new FolderSyncs();
  const outcomes = () => Promise.allSettled([1, 2, 3].map(() => syncs.sync(folder)));
  expect((await outcomes()).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
  await mkdir(folder);
  expect((await outcomes()).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
  await rm(root, { recursive: true });
});
