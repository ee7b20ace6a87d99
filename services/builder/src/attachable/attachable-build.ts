import type { BuilderResult } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Answer } from '@slipway/shared/function-builder';
import { type LogPart, LogWindow } from './log-window.js';

interface AttachableBuildOptions {
  /** Milliseconds that the build goes on without a reader. */
  readonly detachedMs: number;
  /** Called when the log takes more memory. */
  readonly onGrow: () => void;
  /** Called when the build has its result. */
  readonly onEnd: () => void;
  /** Called when the build is over without a result. */
  readonly onLost: () => void;
}

/**
 * A build with an id. It goes on when its caller is gone, until no client has read it for `detachedMs`. Any number of clients read its
 * log and its result.
 *
 *     arriving ──begin──▶ running ──end──▶ ended
 *        └──────left: the payload was refused, and nothing was built
 */
export class AttachableBuild implements Answer {
  readonly window: LogWindow;
  readonly #options: AttachableBuildOptions;
  readonly #arrived = latch();
  readonly #over = latch();
  #isOver = false;
  readonly #fetched = latch();
  #stop: ((reason: SlipwayError) => void) | undefined;
  #isStopped = false;
  #result: BuilderResult | undefined;
  #readers = 0;
  #countdown: NodeJS.Timeout | undefined;
  #fetchLimit: NodeJS.Timeout | undefined;
  #waiting: (() => void)[] = [];
  #isWaking = false;

  constructor(options: AttachableBuildOptions) {
    this.#options = options;
    this.window = new LogWindow({ onGrow: options.onGrow });
  }

  /** The result, once the build has ended. */
  get result(): BuilderResult | undefined {
    return this.#result;
  }

  /** True once the build has ended, or its payload was refused. */
  get isOver(): boolean {
    return this.#isOver;
  }

  get readers(): number {
    return this.#readers;
  }

  /** True if the build runs and no client reads it. */
  get isDetached(): boolean {
    return this.#stop !== undefined && !this.#isOver && this.#readers === 0;
  }

  /** Resolves when the build runs, or is over because its payload was refused. */
  get arrived(): Promise<void> {
    return this.#arrived.opened;
  }

  /** Resolves when a client has read the result, or when no client is expected to. */
  get fetched(): Promise<void> {
    return this.#fetched.opened;
  }

  /** Starts the build. `stop` aborts it. */
  begin(stop: (reason: SlipwayError) => void): void {
    this.#stop = stop;
    this.#arrived.open();
    this.#countDown();
  }

  log(line: string): void {
    this.window.append(line);
    this.#wake();
  }

  /** Each reader reports it when it wakes. */
  drain(): void {
    this.#wake();
  }

  end(result: BuilderResult): void {
    this.#result = result;
    clearTimeout(this.#countdown);
    // No client waits for the result of a build that was stopped. For others a shutdown waits some time.
    if (this.#isStopped) this.#fetched.open();
    else this.#fetchLimit = setTimeout(() => this.#fetched.open(), this.#options.detachedMs).unref();
    this.#isOver = true;
    this.#over.open();
    this.#wake();
    this.#options.onEnd();
  }

  /** The request that brought the build is over. Without a result nothing is left of the build. */
  left(): void {
    if (this.#result) return;
    this.#isOver = true;
    clearTimeout(this.#countdown);
    this.#arrived.open();
    this.#over.open();
    this.#fetched.open();
    this.#wake();
    this.#options.onLost();
  }

  /** Counts a reader. Returns how to take it out again. */
  join(): () => void {
    this.#readers++;
    this.#countDown();
    let isJoined = true;
    return () => {
      if (!isJoined) return;
      isJoined = false;
      this.#readers--;
      this.#countDown();
    };
  }

  /** Returns the lines from a number on; undefined if there is none yet. */
  read(from: number): LogPart | undefined {
    return this.window.read(from);
  }

  /** Resolves at the next line, at the result, and when a reader wakes all. */
  async changed(): Promise<void> {
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** A client has read the result, or it is dropped. */
  markFetched(): void {
    clearTimeout(this.#fetchLimit);
    this.#fetched.open();
  }

  /** Stops the build. Resolves when the build is over, at once if it is over already. */
  async cancel(): Promise<void> {
    this.#abort(new SlipwayError('canceled', 'The build was canceled.'));
    await this.#over.opened;
  }

  #abort(reason: SlipwayError): void {
    if (this.#result) return;
    this.#isStopped = true;
    this.#stop?.(reason);
  }

  #countDown(): void {
    clearTimeout(this.#countdown);
    if (!this.isDetached) return;
    const { detachedMs } = this.#options;
    const reason = new SlipwayError('build_abandoned', `No client read the build for ${detachedMs} ms.`);
    this.#countdown = setTimeout(() => this.#abort(reason), detachedMs);
  }

  /** Wakes readers once for all lines of one moment. */
  #wake(): void {
    if (this.#isWaking) return;
    this.#isWaking = true;
    setImmediate(() => {
      this.#isWaking = false;
      this.wake();
    });
  }
}

function latch(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
