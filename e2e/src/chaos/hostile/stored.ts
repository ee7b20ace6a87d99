import { lstat, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from '@slipway/simulator';
import { listing } from './watch.js';

const pollMs = 200;

/** The paths in and beside the folder of a fleet. */
export type Places = Readonly<Record<'beside' | 'above' | 'root' | 'blobs', readonly string[]>>;

/** Names that the corpus tries to write. */
const hostileNames = /^(?:evil|passwd|motd|smuggled|target\.txt|exfil|escape|outer|etc|context)$/;

/** Lists the stored blobs except logs, and the files beside the blobs and beside the fleet's folder. */
export async function places({ folder }: Fleet): Promise<Places> {
  const blobs = await listing(join(folder, 'blobs'), ['logs']);
  return {
    beside: await listing(folder, ['blobs', 'redis', 'logs']),
    // Other programs have their files there too.
    above: (await readdir(dirname(folder))).filter((name) => hostileNames.test(name)),
    root: await readdir('/'),
    blobs: blobs.filter((path) => !path.endsWith('/')),
  };
}

interface NewPathsOptions {
  readonly fleet: Fleet;
  readonly before: Places;
  /** The digests of sources that may be stored. */
  readonly digests: readonly string[];
}

/** Milliseconds within which the services must remove the sources that they refused. */
const removalMs = 20_000;

/** Returns new paths that stay and do not belong to a source that may be stored. */
export async function newPathsThatStay(options: NewPathsOptions): Promise<string[]> {
  const until = performance.now() + removalMs;
  for (;;) {
    const found = await newPaths(options);
    if (found.length === 0 || performance.now() > until) return found;
    await sleep(pollMs);
  }
}

async function newPaths({ fleet, before, digests }: NewPathsOptions): Promise<string[]> {
  const after = await places(fleet);
  const sources = digests.flatMap((digest) =>
    ['tar', 'json'].map((type) => `sources/${digest.slice('sha256:'.length)}.${type}`),
  );
  // The leader copies the time of Redis there.
  const stored = new Set([...sources, `redis/time-mark-${fleet.redisPrefix}`]);
  return (Object.keys(before) as (keyof Places)[]).flatMap((place) =>
    after[place]
      .filter((path) => !before[place].includes(path) && !(place === 'blobs' && stored.has(path)))
      .map((path) => `${place}: ${path}`),
  );
}

/** Bytes of all blobs except logs, unfinished ones included. */
export async function storedBytes({ folder }: Fleet): Promise<number> {
  const paths = await listing(join(folder, 'blobs'), ['logs']);
  // A file that was removed in the meantime has no size.
  const sizes = await Promise.all(
    paths.map((path) =>
      lstat(join(folder, 'blobs', path)).then(
        (found) => (found.isFile() ? found.size : 0),
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
