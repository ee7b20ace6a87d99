import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessHandle } from '../process.js';
import type { PartFailure, SlipwayPart } from './options.js';

interface PartsOptions {
  readonly logDir: string;
  /** Milliseconds until a part that was asked to stop is killed. */
  readonly stopMs: number;
  readonly signal: AbortSignal | undefined;
  readonly onPart: ((part: SlipwayPart) => void) | undefined;
}

interface Start<H extends ProcessHandle> {
  readonly name: string;
  readonly start: (common: { logFile: string; signal?: AbortSignal }) => Promise<H>;
  readonly address: (handle: H) => string;
}

/** The processes that were started, in stages: those of one stage start, and stop, side by side. */
export class Parts {
  readonly #options: PartsOptions;
  readonly #stages: ProcessHandle[][] = [];
  readonly #started: (SlipwayPart | undefined)[] = [];
  readonly failed: Promise<PartFailure>;
  #fail: (failure: PartFailure) => void = () => undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: PartsOptions) {
    this.#options = options;
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  /** In the order in which they were to start, which is not that in which they got ready. */
  get started(): readonly SlipwayPart[] {
    return this.#started.filter((part) => part !== undefined);
  }

  /** Opens a stage; parts are started into it until the next is opened. */
  stage(): void {
    this.#options.signal?.throwIfAborted();
    this.#stages.push([]);
  }

  /** Starts a part into the present stage. Rejects when it cannot, naming its log. */
  async start<H extends ProcessHandle>({ name, address, start }: Start<H>): Promise<H> {
    const { logDir, signal, onPart } = this.#options;
    const stage = this.#stages.at(-1);
    const place = this.#started.push(undefined) - 1;
    const logFile = join(logDir, `${name.replaceAll(' ', '-')}.log`);
    await keepPrevious(logFile);
    const handle = await start({ logFile, ...(signal && { signal }) });
    stage?.push(handle);
    const part = { name, address: address(handle), pid: handle.pid, logFile };
    this.#started[place] = part;
    onPart?.(part);
    void handle.exited.then((exit) => {
      if (!this.#stopping) this.#fail({ part, exit, lines: handle.recentLines() });
    });
    return handle;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    for (const stage of this.#stages.toReversed()) {
      await Promise.all(stage.map((handle) => handle.stop({ graceMs: this.#options.stopMs })));
    }
  }
}

/** Keeps only one earlier log, so that logs do not grow without bound. */
async function keepPrevious(logFile: string): Promise<void> {
  try {
    await rename(logFile, logFile.replace(/\.log$/, '.previous.log'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
