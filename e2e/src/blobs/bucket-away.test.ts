import { join } from 'node:path';
import { startVersitygw, temporaryFolder } from '@slipway/local';
import { afterAll, expect, test } from 'vitest';
import { openAt, useCredentials } from './testing/s3-lab.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

test('a bucket that is away is a fault, not a missing blob', async () => {
  const first = await startVersitygw({ dir: join(folder.path, 'first') });
  useCredentials(first);
  const { store, dispose } = await openAt(first);
  await store.write('a/1', [Buffer.from('content')]);
  expect(await store.stat('a/2')).toBeUndefined();
  await first.stop();
  const { port } = first;
  const without = await startVersitygw({ dir: join(folder.path, 'without'), bucket: 'other', port });
  const fault = { code: 'storage_misconfigured' };
  await expect(store.stat('a/1')).rejects.toMatchObject(fault);
  await expect(store.open('a/1')).rejects.toMatchObject(fault);
  await expect(store.stream('a/1')).rejects.toMatchObject(fault);
  await expect(store.write('a/1', [Buffer.from('x')])).rejects.toMatchObject(fault);
  await expect(store.list('a')[Symbol.asyncIterator]().next()).rejects.toMatchObject(fault);
  await without.stop();
  const again = await startVersitygw({ dir: join(folder.path, 'first'), port });
  expect(await store.stat('a/1')).toMatchObject({ bytes: 7 });
  await again.stop();
  await dispose();
});
