import type { LineSplitter } from '@slipway/shared/processes';
import { textLines } from '../failure-text.js';
import { outputLine, statusLine, stepLine } from '../log-lines.js';

/** A line of `buildctl --progress rawjson`: the used fields of client.SolveStatus. */
interface SolveStatus {
  readonly vertexes?: readonly Vertex[];
  readonly statuses?: readonly VertexStatus[];
  readonly logs?: readonly VertexLog[];
  readonly warnings?: readonly { readonly vertex?: string; readonly short?: string }[];
}

interface Vertex {
  readonly digest: string;
  readonly name?: string;
  readonly started?: string;
  readonly completed?: string;
  readonly cached?: boolean;
  readonly error?: string;
}

interface VertexStatus {
  readonly id: string;
  readonly vertex?: string;
  readonly current?: number;
  readonly started?: string;
  readonly completed?: string;
}

interface VertexLog {
  readonly vertex?: string;
  readonly stream?: number;
  readonly data?: string;
  readonly timestamp: string;
}

/** Turns BuildKit's progress events into lines of a log. One for each build. */
export class BuildkitProgress {
  readonly #onLog: (line: string) => void;
  readonly #onOutput: (line: string) => void;
  readonly #started = new Set<string>();
  readonly #completed = new Map<string, string>();
  readonly #outputs = new Map<string, { lines: LineSplitter; time: Date }>();

  #isPushing = false;

  /** True once the push has begun, after all steps are built. */
  get isPushing(): boolean {
    return this.#isPushing;
  }

  /** `onOutput` receives the plain output of steps. */
  constructor({ onLog, onOutput }: { onLog: (line: string) => void; onOutput: (line: string) => void }) {
    this.#onLog = onLog;
    this.#onOutput = onOutput;
  }

  /** Takes one line of progress; false when it is none. */
  take(line: string): boolean {
    if (!line.startsWith('{')) return false;
    let status: SolveStatus;
    try {
      status = JSON.parse(line);
    } catch {
      return false;
    }
    // A step's end may come in the same message as its last output, which belongs before it.
    for (const vertex of status.vertexes ?? []) this.#start(vertex);
    for (const log of status.logs ?? []) this.#output(log);
    for (const item of status.statuses ?? []) this.#status(item);
    for (const { short } of status.warnings ?? []) {
      if (short) this.#onLog(statusLine(new Date(), `WARN ${Buffer.from(short, 'base64').toString()}`));
    }
    for (const vertex of status.vertexes ?? []) this.#complete(vertex);
    return true;
  }

  #start(vertex: Vertex): void {
    if (vertex.started === undefined || vertex.cached || this.#started.has(vertex.digest)) return;
    this.#started.add(vertex.digest);
    this.#onLog(stepLine(new Date(vertex.started), vertex.name ?? vertex.digest));
  }

  #complete(vertex: Vertex): void {
    const { digest, started, completed, name = digest } = vertex;
    if (completed === undefined || this.#completed.get(digest) === completed) return;
    this.#completed.set(digest, completed);
    this.#endOutputs(digest);
    const time = new Date(completed);
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
    const size = item.current ? ` ${item.current} bytes` : '';
    const seconds = item.started === undefined ? 0 : secondsBetween(item.started, item.completed);
    this.#onLog(statusLine(new Date(item.completed), `${item.id}${size} ${seconds.toFixed(2)}s`));
  }

  #output({ vertex = '', stream = 1, data = '', timestamp }: VertexLog): void {
    const key = `${vertex} ${stream}`;
    let output = this.#outputs.get(key);
    if (!output) {
      const made = { lines: textLines((line) => this.#printed(made.time, line)), time: new Date(timestamp) };
      output = made;
      this.#outputs.set(key, output);
    }
    output.time = new Date(timestamp);
    output.lines.push(Buffer.from(data, 'base64'));
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

function secondsBetween(start: string, end: string): number {
  return Math.max(0, (Date.parse(end) - Date.parse(start)) / 1000);
}
