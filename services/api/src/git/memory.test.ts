import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type TemporaryFolder, temporaryFolder } from '@slipway/local';
import { readEnv } from '@slipway/shared/config';
import { type GitServer, startGitServer } from '@slipway/shared/git/testing';
import { bombPack, servePack } from '@slipway/source/hostile';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { gitConfig } from './config.js';

const memoryBytes = 64 * 1024 * 1024;
let api: RunningApi;
let bomb: GitServer;
let honest: GitServer;
let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await temporaryFolder();
  const environment = { PATH: process.env.PATH ?? '', GIT_WORK_DIR: join(folder.path, 'work') };
  const git = readEnv(
    { ...environment, GIT_ALLOWED_SCHEMES: 'http', GIT_MEMORY_BYTES: String(memoryBytes) },
    gitConfig,
  );
  api = await startApi(inject('redisUrl'), { git, maxSourceBytes: 64 * 1024 * 1024 });
  bomb = await startGitServer();
  bomb.answer(servePack(bombPack()));
  honest = await startGitServer();
});
afterAll(async () => {
  await api.stop();
  await bomb.stop();
  await honest.stop();
  await folder.remove();
});

const job = (git: object) => ({ image: 'r.example/a:1', source: { git } });

describe('the memory of git', () => {
  it('is bounded: a small pack that describes a large file is refused as the fault of its job', async () => {
    expect(bombPack().pack.length).toBeLessThan(1_300);
    const answers = await Promise.all(
      Array.from({ length: 3 }, (_, n) => api.post('/v1/jobs', job({ url: `${bomb.url}/${n}.git` }))),
    );
    for (const answer of answers) {
      expect([answer.status, await answer.json()]).toMatchObject([
        422,
        { code: 'git_memory_exceeded', errors: [{ path: '/source/git/url' }] },
      ]);
    }
  });

  it('is refused by item in a batch', async () => {
    const answer = await api.post('/v1/batches', { items: [job({ url: `${bomb.url}/batch.git` })] });
    expect([answer.status, await answer.json()]).toMatchObject([
      422,
      { code: 'batch_invalid', errors: [{ path: '/items/0/source/git/url' }] },
    ]);
  });

  it('suffices for files that are larger than a third of it', async () => {
    const repository = honest.repository('large');
    repository.commit({
      Dockerfile: 'FROM a\n',
      'large.bin': randomBytes(12 * 1024 * 1024).toString('base64'),
    });
    expect((await api.post('/v1/jobs', job({ url: repository.url }))).status).toBe(202);
  });
});
