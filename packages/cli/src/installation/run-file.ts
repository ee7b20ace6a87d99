import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { identify, isRunning, type ProcessIdentity } from './process-identity.js';

/** What a running `slipway up` says of itself in its data folder, for its owner alone to read. */
export interface RunState {
  readonly up: ProcessIdentity;
  /** What it has started so far. */
  readonly parts: readonly (ProcessIdentity & { readonly name: string })[];
  /** Once all is ready. */
  readonly ready?: {
    readonly url: string;
    readonly token_file: string;
    /** The domain part of image references. */
    readonly registry: string;
  };
}

const pathIn = (folder: string) => join(folder, 'up.json');

/** The run that the file speaks of, whether or not it is still there. */
export async function readRunState(folder: string): Promise<RunState | undefined> {
  try {
    return parse(await readFile(pathIn(folder), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Undefined for a file that a crash of the machine has cut short. */
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

/** Takes the data folder for this process, unless another that runs has it. */
export async function claimFolder(folder: string): Promise<Claim> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const self = await identify(process.pid);
  if (!self) throw new Error('this process cannot be found among those that run');
  return await oneAtATime(join(folder, 'up.claim'), async () => {
    const found = await readRunState(folder);
    if (found && (await isRunning(found.up))) return { kind: 'taken', by: found };
    const file = new RunFile(pathIn(folder), { up: self, parts: [] });
    await file.save();
    return { kind: 'ours', file, leftBehind: found };
  });
}

const lookAgainMs = 20;
/** A claim takes milliseconds; a lock this old was left by a process that is gone. */
const abandonedAfterMs = 10_000;

/** Does the work while no other process does: making a folder succeeds for one alone. */
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

  /** Writes what it knows so far. */
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
    // One after another, each whole: readers never see half a file.
    const previous = this.#writing;
    this.#writing = previous.then(async () => {
      await writeFile(`${this.#path}.new`, body, { mode: 0o600 });
      await rename(`${this.#path}.new`, this.#path);
    });
    await this.#writing;
  }
}
