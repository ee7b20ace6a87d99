import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { Answer, LastWord } from './answer.js';

interface KeptBuildsOptions {
  /** Milliseconds that a build goes on without a reader. */
  readonly detachedMs: number;
  /** Milliseconds that a result is kept. */
  readonly resultMs: number;
  /** Aborted when the simulator drains. */
  readonly draining: AbortSignal;
}

/** The builds with an id: running ones, and ended ones whose result is kept. Their number is not bounded: a simulator serves tests. */
export class KeptBuilds {
  readonly #options: KeptBuildsOptions;
  readonly #builds = new Map<string, KeptBuild>();

  constructor(options: KeptBuildsOptions) {
    this.#options = options;
  }

  /** Ended builds whose result no client has read yet. */
  get unread(): number {
    return [...this.#builds.values()].filter((build) => build.isUnread).length;
  }

  get(id: string): KeptBuild | undefined {
    return this.#builds.get(id);
  }

  /** Registers a build whose payload arrives. The caller makes sure that the id is unknown. */
  add(id: string): KeptBuild {
    const { detachedMs, resultMs, draining } = this.#options;
    const forget = () => this.#builds.delete(id);
    const build = new KeptBuild({ detachedMs, resultMs, draining, forget });
    this.#builds.set(id, build);
    return build;
  }
}

interface KeptBuildOptions extends KeptBuildsOptions {
  readonly forget: () => void;
}

/** A build that goes on when its caller is gone. Any number of clients can read its log and its result. */
export class KeptBuild implements Answer {
  readonly #options: KeptBuildOptions;
  readonly #stop = new AbortController();
  readonly #lines: string[] = [];
  readonly #readers = new Set<ServerResponse>();
  readonly #begun = new AbortController();
  readonly #ended = new AbortController();
  #last: LastWord | undefined;
  #isRead = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: KeptBuildOptions) {
    this.#options = options;
    options.draining.addEventListener('abort', this.#announceDrain);
  }

  /** Aborted when the build must stop. The reason is the code of its result. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Resolves when the payload has arrived, or was refused. */
  async begun(): Promise<void> {
    await aborted(this.#begun.signal);
  }

  get isUnread(): boolean {
    return this.#last !== undefined && !this.#isRead;
  }

  log(line: string): void {
    for (const reader of this.#readers)
      write(reader, { log: [line], line: this.#lines.length, status: 'in_progress' });
    this.#lines.push(line);
  }

  /** Does nothing: the build itself reports it to each reader. */
  drain(): void {}

  end(last: LastWord): void {
    this.#last = last;
    // No client waits for the result of a build that was stopped.
    this.#isRead = this.#stop.signal.aborted;
    this.#settle();
    for (const reader of this.#readers) this.#finish(reader, last);
    const { resultMs, detachedMs, forget } = this.#options;
    setTimeout(forget, resultMs).unref();
    // From then on a drain does not wait for a reader.
    setTimeout(() => {
      this.#isRead = true;
    }, detachedMs).unref();
  }

  /** The payload has arrived: the build begins, and `caller` reads it as its first reader. */
  begin(caller: ServerResponse): void {
    this.#begun.abort();
    this.attach(caller, 0);
  }

  /** The build is no longer in progress. Without a result its id is unknown from now on: its payload was refused, or a fault lost it. */
  left(): void {
    if (this.#last) return;
    this.#settle();
    this.#options.forget();
  }

  /** Streams the log from a line on, and then the result. */
  attach(reader: ServerResponse, from: number): void {
    reader.writeHead(200, { 'content-type': 'application/x-ndjson' });
    if (this.#options.draining.aborted) write(reader, drainingLine);
    const log = this.#lines.slice(from);
    if (log.length > 0) write(reader, { log, line: from, status: 'in_progress' });
    if (this.#last) {
      this.#finish(reader, this.#last);
      return;
    }
    reader.flushHeaders();
    this.#readers.add(reader);
    clearTimeout(this.#timer);
    reader.once('close', () => {
      this.#readers.delete(reader);
      this.#countDown();
    });
    if (reader.closed) this.#readers.delete(reader);
    this.#countDown();
  }

  /** Stops the build. Resolves when it has ended. */
  async cancel(): Promise<void> {
    this.#stop.abort('canceled');
    await aborted(this.#ended.signal);
  }

  readonly #announceDrain = (): void => {
    for (const reader of this.#readers) write(reader, drainingLine);
  };

  #countDown(): void {
    clearTimeout(this.#timer);
    if (this.#last || this.#readers.size > 0) return;
    this.#timer = setTimeout(() => this.#stop.abort('build_abandoned'), this.#options.detachedMs);
  }

  #settle(): void {
    this.#options.draining.removeEventListener('abort', this.#announceDrain);
    clearTimeout(this.#timer);
    this.#begun.abort();
    this.#ended.abort();
  }

  #finish(reader: ServerResponse, last: LastWord): void {
    reader.once('finish', () => {
      this.#isRead = true;
    });
    write(reader, { ...last, line: this.#lines.length });
    reader.end();
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

const drainingLine = { log: [], status: 'in_progress', draining: true };

function write(reader: ServerResponse, line: object): void {
  if (!reader.writableEnded && !reader.destroyed) reader.write(`${JSON.stringify(line)}\n`);
}
