import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '@slipway/shared/folders';

/**
 * The folder that received and unpacked sources live in. Each process has a part of its own there, named after its
 * process id, so that a new one can clear what a crashed one left. All processes that share the folder must see each
 * other's process ids.
 */
export class WorkDir {
  readonly path: string;
  readonly #part: string;
  #builds = 0;

  private constructor({ path, part }: { path: string; part: string }) {
    this.path = path;
    this.#part = part;
  }

  /** Makes the process's part, and clears those of processes that are gone. */
  static async open(path: string): Promise<WorkDir> {
    await makeFolder(path, { mode: 0o700 });
    for (const name of await readdir(path)) {
      if (isPart(name) && !isRunning(name)) await rm(join(path, name), { recursive: true, force: true });
    }
    const part = `${process.pid}-${randomBytes(4).toString('hex')}`;
    await mkdir(join(path, part), { mode: 0o700 });
    return new WorkDir({ path, part });
  }

  /** An id for the next build of this process; `isRunning` knows its kind. */
  nextBuildId(): string {
    this.#builds++;
    return `${this.#part}-${this.#builds}`;
  }

  /** Creates an empty folder and returns its path. The caller removes it. */
  async folder(name: string): Promise<string> {
    const part = join(this.path, this.#part);
    // What keeps the system's temporary folder clean may have taken it.
    await mkdir(part, { recursive: true, mode: 0o700 });
    return mkdtemp(join(part, `${name}-`));
  }

  /** Removes the process's part. */
  async close(): Promise<void> {
    await rm(join(this.path, this.#part), { recursive: true, force: true });
  }
}

function isPart(name: string): boolean {
  return /^\d+-[0-9a-f]{8}$/.test(name);
}

/** Returns true if the process that a part or a build id is named after may still run. This process never counts. */
export function isRunning(name: string): boolean {
  const pid = Number(name.split('-')[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
