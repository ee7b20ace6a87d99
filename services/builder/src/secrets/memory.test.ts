import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runChild } from '@slipway/shared/processes';
import { expect, test } from 'vitest';
import { MemoryFiles, requireMemory, withMemoryFolder } from './memory.js';

test('files in memory have no name, and a child reads them as often as it likes', async () => {
  requireMemory();
  const files = new MemoryFiles();
  const contents = [Buffer.from([0, 255, 10]), Buffer.alloc(0), Buffer.from('three')];
  for (const content of contents) files.add(content);
  for (const fd of files.descriptors)
    expect(readlinkSync(`/proc/self/fd/${fd}`)).toMatch(/^\/dev\/shm\/.*\(deleted\)$/);
  const output: Buffer[] = [];
  await runChild({
    command: 'cat',
    args: [3, 4, 5, 5].map((fd) => `/proc/self/fd/${fd}`),
    env: { PATH: process.env.PATH },
    descriptors: files.descriptors,
    signal: new AbortController().signal,
    killGraceMs: 100,
    onStdout: (chunk) => output.push(chunk),
  });
  expect(Buffer.concat(output)).toEqual(Buffer.concat([...contents, contents[2] ?? Buffer.alloc(0)]));
  const [first = -1] = files.descriptors;
  files.close();
  expect(files.descriptors).toEqual([]);
  expect(() => readFileSync(first)).toThrow('EBADF');
});

test('a folder in memory is gone when it has been used, however that ended', async () => {
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
