import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isRunning, type ProcessIdentity } from './process-identity.js';

/** The state of a running `slipway up` in its data folder. Only its owner can read the file. */
export interface RunState {
  readonly up: ProcessIdentity;
  /** The processes started so far. */
  readonly parts: readonly (ProcessIdentity & { readonly name: string })[];
  /** Set once everything is ready. */
  readonly ready?: {
    readonly url: string;
    readonly token_file: string;
    /** The domain part of image references. */
    readonly registry: string;
  };
}

const pathIn = (folder: string) => join(folder, 'up.json');

/** Returns the run in the file, whether or not it is still running. */
export async function readRunState(folder: string): Promise<RunState | undefined> {
  try {
    return parse(await readFile(pathIn(folder), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Returns undefined for a file that a crash of the machine cut short. */
function parse(text: string): RunState | undefined {
  try {
    return JSON.parse(text) as RunState;
  } catch {
    return undefined;
  }
}

export type Claim =
  | { readonly kind: 'ours'; readonly file: RunFile; readonly leftBehind: RunState | undefined }
  | { readonly kind: 'taken'; readonly by: RunState };

/** Claims the data folder for this process, unless another running process has it. */
export async function claimFolder(folder: string): Promise<Claim> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const self = await identify(process.pid);
  if (!self) throw new Error('this process was not found');
  return await oneAtATime(join(folder, 'up.claim'), async () => {
    const found = await readRunState(folder);
    if (found && (await isRunning(found.up))) return { kind: 'taken', by: found };
    const file = new RunFile(pathIn(folder), { up: self, parts: [] });
    await file.save();
    return { kind: 'ours', file, leftBehind: found };
  });
}

const lookAgainMs = 20;
/** A claim takes milliseconds; an older lock was left by a dead process. */
const abandonedAfterMs = 10_000;

/** Runs the work under a lock: only one process succeeds in creating the folder. */
async function oneAtATime<T>(lock: string, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      await mkdir(lock);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const since = (await stat(lock).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (Date.now() - since > abandonedAfterMs) await rm(lock, { recursive: true, force: true });
    else await sleep(lookAgainMs);
  }
  try {
    return await work();
  } finally {
    await rm(lock, { recursive: true, force: true });
  }
}

export class RunFile {
  readonly #path: string;
  #state: RunState;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(path: string, state: RunState) {
    this.#path = path;
    this.#state = state;
  }

  /** Writes the current state. */
  save(): Promise<void> {
    return this.#update({});
  }

  async addPart({ name, pid }: { name: string; pid: number }): Promise<void> {
    const identity = await identify(pid);
    if (identity) await this.#update({ parts: [...this.#state.parts, { ...identity, name }] });
  }

  setReady(ready: NonNullable<RunState['ready']>): Promise<void> {
    return this.#update({ ready });
  }

  async remove(): Promise<void> {
    await this.#writing;
    await rm(this.#path, { force: true });
  }

  async #update(change: Partial<RunState>): Promise<void> {
    this.#state = { ...this.#state, ...change };
    const body = JSON.stringify(this.#state);
    // Writes are serialized and atomic: readers never see half a file.
    const previous = this.#writing;
    this.#writing = previous.then(async () => {
      await writeFile(`${this.#path}.new`, body, { mode: 0o600 });
      await rename(`${this.#path}.new`, this.#path);
    });
    await this.#writing;
  }
}
