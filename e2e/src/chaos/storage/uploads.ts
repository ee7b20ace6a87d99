import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ErrorCode } from '@slipway/shared/errors';
import type { ApiAnswer } from '@slipway/simulator';
import type { Arena } from '../arena.js';
import { submitOne } from '../load.js';

/** Bytes of the sources: in memory, in one request, in several parts. */
const sourceBytes = [200, 30_000, 600_000];
const largeBytes = 20_000_000;
const retryMs = 200;

/** Uploads and jobs while S3 breaks. Each job has a source of its own, so that each needs S3. */
export class StorageLoad {
  readonly #arena: Arena;
  readonly #counts = new Map<string, number>();
  /** The codes of refused uploads since the last call of `phase`. */
  #phase = new Set<string>();
  #stopped = false;
  #next = 0;
  #submitters: Promise<void>[] = [];
  readonly digests = new Set<string>();
  /** Answers that are neither a success nor a storage error with a code. */
  uncoded = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Begins to upload and submit, from several clients at once, until `stop`. */
  start(clients: number): void {
    const client = async () => {
      while (!this.#stopped) await this.#one();
    };
    this.#submitters = Array.from({ length: clients }, client);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#submitters);
  }

  /** Returns the codes of uploads that were refused since the last call. */
  phase(): ReadonlySet<string> {
    const codes = this.#phase;
    this.#phase = new Set();
    return codes;
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }

  async #one(): Promise<void> {
    const number = this.#next++;
    const bytes = number % 12 === 5 ? largeBytes : (sourceBytes[number % sourceBytes.length] ?? 0);
    const digest = await this.#upload(await this.#tar(number, bytes));
    if (digest === undefined) return;
    await submitOne(
      {
        arena: this.#arena,
        onRefused: ({ answer }) => {
          if (answer) this.#judge('job', answer);
        },
      },
      { name: `s3-${number}`, expected: 'succeeded', spec: { source: { digest } } },
      number,
    );
  }

  /** Uploads a source until it is stored or the load has ended. */
  async #upload(body: Buffer): Promise<string | undefined> {
    while (!this.#stopped) {
      const answer = await this.#arena.fleet.calls.call('/v1/sources', {
        ...{ method: 'POST', body, type: 'application/x-tar' },
      });
      if (answer.status < 300) {
        const { digest } = answer.body as { digest: string };
        this.digests.add(digest);
        return digest;
      }
      this.#judge('upload', answer);
      await sleep(retryMs);
    }
    return undefined;
  }

  #judge(what: string, { status, type, body }: ApiAnswer): void {
    const code = (body as { code?: string }).code ?? 'none';
    const isStorage = status === 503 && code.startsWith('storage_');
    if (!isStorage || !type.includes('application/problem+json')) {
      this.uncoded++;
      if (!this.#counts.has(`${what}_${code}`))
        this.#arena.note(`${what} was answered with ${status} ${code}: ${JSON.stringify(body)}`);
    }
    if (what === 'upload') this.#phase.add(code);
    const name = `${what}_${code}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  async #tar(number: number, bytes: number): Promise<Buffer> {
    const folder = join(this.#arena.fleet.folder, `context-${number}`);
    await mkdir(folder);
    await writeFile(join(folder, 'Dockerfile'), `FROM scratch\nLABEL number=${number}\nCOPY data /\n`);
    await writeFile(join(folder, 'data'), randomBytes(bytes));
    const { stdout } = await promisify(execFile)('tar', ['-C', folder, '-c', '.'], {
      ...{ encoding: 'buffer', maxBuffer: 2 * largeBytes },
    });
    await rm(folder, { recursive: true });
    return stdout;
  }
}

/** True if the fault showed: its code, or for a fault that only delays, no other one. */
export const isShown = (code: ErrorCode | undefined, codes: ReadonlySet<string>): boolean =>
  code === undefined || codes.has(code);
