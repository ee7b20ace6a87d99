import type { Base } from '@slipway/shared/contracts';
import { BaseList, baseOfStep } from '@slipway/shared/function-builder';
import type { LineSplitter } from '@slipway/shared/processes';
import { textLines } from '../failure-text.js';
import { outputLine, statusLine, stepLine } from '../log-lines.js';
import type { SolveStatus, Vertex, VertexLog, VertexStatus } from './protocol/messages.js';

/** Turns BuildKit's progress events into lines of a log. One for each build. */
export class BuildkitProgress {
  readonly #onLog: (line: string) => void;
  readonly #onOutput: (line: string) => void;
  readonly #started = new Set<string>();
  readonly #completed = new Map<string, number>();
  readonly #outputs = new Map<string, { lines: LineSplitter; time: Date }>();

  readonly #bases = new BaseList();
  #isPushing = false;
  #stepError: string | undefined;

  /** True once the push has begun, after all steps are built. */
  get isPushing(): boolean {
    return this.#isPushing;
  }

  /** `onOutput` receives the plain output of steps. */
  constructor({ onLog, onOutput }: { onLog: (line: string) => void; onOutput: (line: string) => void }) {
    this.#onLog = onLog;
    this.#onOutput = onOutput;
  }

  /**
   * The base images of the steps so far. BuildKit names the digest of the index, or of the manifest if the image has no index, and not the
   * digest of the platform's manifest in an index.
   */
  get bases(): readonly Base[] {
    return this.#bases.values();
  }

  /** The error of a failed step, in the words of BuildKit. */
  get stepError(): string | undefined {
    return this.#stepError;
  }

  take({ vertexes, statuses, logs, warnings }: SolveStatus): void {
    // A step's end may come in the same message as its last output, which belongs before it.
    for (const vertex of vertexes) {
      this.#start(vertex);
      const base = baseOfStep(vertex.name);
      if (base) this.#bases.add(base);
    }
    for (const log of logs) this.#output(log);
    for (const item of statuses) this.#status(item);
    for (const { short } of warnings)
      if (short.length > 0) this.#onLog(statusLine(new Date(), `WARN ${Buffer.from(short).toString()}`));
    for (const vertex of vertexes) this.#complete(vertex);
  }

  #start(vertex: Vertex): void {
    if (vertex.started === undefined || vertex.cached || this.#started.has(vertex.digest)) return;
    this.#started.add(vertex.digest);
    this.#onLog(stepLine(new Date(vertex.started), vertex.name || vertex.digest));
  }

  #complete(vertex: Vertex): void {
    const { digest, started, completed } = vertex;
    const name = vertex.name || digest;
    if (completed === undefined || this.#completed.get(digest) === completed) return;
    this.#completed.set(digest, completed);
    this.#endOutputs(digest);
    const time = new Date(completed);
    if (vertex.error) this.#stepError = vertex.error;
    if (vertex.error) this.#onLog(stepLine(time, `ERROR ${name}: ${vertex.error}`));
    else if (vertex.cached) this.#onLog(stepLine(time, `CACHED ${name}`));
    else this.#onLog(stepLine(time, name, started === undefined ? 0 : secondsBetween(started, completed)));
  }

  #status(item: VertexStatus): void {
    if (item.id.startsWith('pushing ')) this.#isPushing = true;
    if (item.completed === undefined) return;
    const key = `${item.vertex} ${item.id}`;
    if (this.#completed.get(key) === item.completed) return;
    this.#completed.set(key, item.completed);
    const size = item.current > 0 ? ` ${item.current} bytes` : '';
    const seconds = item.started === undefined ? 0 : secondsBetween(item.started, item.completed);
    this.#onLog(statusLine(new Date(item.completed), `${item.id}${size} ${seconds.toFixed(2)}s`));
  }

  #output({ vertex, stream, data, timestamp = Date.now() }: VertexLog): void {
    const key = `${vertex} ${stream}`;
    let output = this.#outputs.get(key);
    if (!output) {
      const made = { lines: textLines((line) => this.#printed(made.time, line)), time: new Date(timestamp) };
      output = made;
      this.#outputs.set(key, output);
    }
    output.time = new Date(timestamp);
    output.lines.push(Buffer.from(data));
  }

  #printed(time: Date, line: string): void {
    this.#onOutput(line);
    this.#onLog(outputLine(time, line));
  }

  #endOutputs(vertex: string): void {
    for (const [key, { lines }] of this.#outputs) {
      if (!key.startsWith(`${vertex} `)) continue;
      lines.end();
      this.#outputs.delete(key);
    }
  }
}

function secondsBetween(start: number, end: number): number {
  return Math.max(0, (end - start) / 1000);
}
