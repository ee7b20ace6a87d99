import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { requireMemory, withMemoryFolder } from './memory.js';

test('a folder in memory is gone when it has been used, however that ended', async () => {
  requireMemory();
  let used = '';
  const use = async (path: string) => {
    used = path;
    await writeFile(join(path, 'file'), 'x');
    throw new Error('failed');
  };
  await expect(withMemoryFolder(use)).rejects.toThrow('failed');
  expect(used).toMatch(/^\/dev\/shm\//);
  expect(existsSync(used)).toBe(false);
});
