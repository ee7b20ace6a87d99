import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { openBlobStore } from '@slipway/shared/blobs';
import {
  createSourceReader,
  createSourceStore,
  type SourceReader,
  type SourceStore,
  spoolSources,
} from '@slipway/source';

const openBlobs = (place: string) => openBlobStore(URL.canParse(place) ? place : pathToFileURL(place).href);

/** Returns a reader of sources as a worker has it: a source from a store in the network is read once. */
export async function openReader(place: string): Promise<SourceReader> {
  const blobs = await openBlobs(place);
  const sources = createSourceReader({ blobs });
  return blobs.isRemote ? spoolSources({ sources, blobs, maxBytes: 2 ** 31 }).sources : sources;
}

/** Returns the source store of a bench, in its own folder or at the URL of a store. */
export async function openSources(place: string): Promise<SourceStore> {
  const blobs = await openBlobs(place);
  const limits = { maxArchiveBytes: 2 ** 31, maxBytes: 2 ** 31, maxFiles: 100_000, maxRatio: 1000 };
  return createSourceStore({ blobs, limits });
}

/** Writes `count` files of random bytes, fifty to a folder, as a build context. */
export async function writeFiles(folder: string, count: number, bytes: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const inside = join(folder, `folder-${Math.floor(n / 50)}`);
    if (n % 50 === 0) await mkdir(inside, { recursive: true });
    await writeFile(join(inside, `file-${n}`), randomBytes(bytes));
  }
}

/** Packs a folder with the machine's tar and stores it as a source. */
export async function ingestFolder(sources: SourceStore, folder: string): Promise<string> {
  const tar = spawn('tar', ['-cf', '-', '-C', folder, '.'], { stdio: ['ignore', 'pipe', 'inherit'] });
  return (await sources.ingest(tar.stdout)).digest;
}

/** Runs a shell command and waits for it. */
export async function shell(command: string, cwd: string): Promise<void> {
  await promisify(execFile)('sh', ['-c', command], { cwd });
}
