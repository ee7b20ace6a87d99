import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Secret } from '@slipway/shared/config';
import { buildIdHeader } from '@slipway/shared/contracts';
import { errorRow, SlipwayError } from '@slipway/shared/errors';
import { callSignatureHeader, verifyBuildCall } from '@slipway/shared/signing';
import { expect } from 'vitest';
import { payloadSecret } from './start-worker.js';

/** A build that a test directs. */
export class DirectedBuild {
  /** Empty when the caller gave the build no id. Such a build is not kept. */
  readonly id: string;
  readonly lines: string[] = [];
  readonly readers = new Set<ServerResponse>();
  /** The first line of each reader. */
  readonly reads: number[] = [];
  canceled = 0;
  #end: object | undefined;

  constructor(id: string) {
    this.id = id;
  }

  get isOver(): boolean {
    return this.#end !== undefined;
  }

  log(...lines: string[]): void {
    const line = this.lines.length;
    this.lines.push(...lines);
    for (const reader of this.readers) say(reader, { status: 'in_progress', log: lines, line });
  }

  end(result: object = { status: 'success', digest: `sha256:${'1'.repeat(64)}`, duration: 0.5 }): void {
    this.#end ??= result;
    for (const reader of this.readers) this.#finish(reader);
  }

  /** Breaks the connections of all readers. */
  cut(): void {
    for (const reader of this.readers) reader.socket?.resetAndDestroy();
  }

  attach(reader: ServerResponse, from: number): void {
    this.reads.push(from);
    reader.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
    const log = this.lines.slice(from);
    if (log.length > 0) say(reader, { status: 'in_progress', log, line: from });
    this.readers.add(reader);
    reader.on('close', () => this.readers.delete(reader));
    if (this.isOver) this.#finish(reader);
  }

  #finish(reader: ServerResponse): void {
    say(reader, { ...this.#end, line: this.lines.length });
    reader.end();
  }
}

const say = (reader: ServerResponse, line: object) => reader.write(`${JSON.stringify(line)}\n`);

export interface KeepingReplica {
  readonly url: string;
  /** All builds, in the order of their begin. */
  readonly builds: readonly DirectedBuild[];
  /** Resolves to the build with this number, from 0, once it has begun. */
  build(number: number): Promise<DirectedBuild>;
  /** The most builds at once. */
  most(): number;
  /** Breaks the connections of the next calls that read a build. */
  breakReads(calls: number): void;
  /** Loses all builds, as a replica that starts again. */
  forget(): void;
  stop(): Promise<void>;
}

/** Starts a replica that keeps a build whose caller is gone. It ends no build itself. Its clock is ahead by `aheadMs`. */
export async function startKeepingReplica({ aheadMs = 0 } = {}): Promise<KeepingReplica> {
  const now = () => new Date(Date.now() + aheadMs);
  const builds: DirectedBuild[] = [];
  let known = new Map<string, DirectedBuild>();
  let most = 0;
  let toBreak = 0;
  const check = (req: IncomingMessage, buildId: string, payloadSignature?: string) =>
    verifyBuildCall({
      secrets: [new Secret(payloadSecret)],
      call: { method: req.method as 'GET', path: req.url ?? '', buildId, payloadSignature },
      header: req.headers[callSignatureHeader] as string | undefined,
      at: now(),
    });
  const begin = async (req: IncomingMessage, res: ServerResponse) => {
    const id = String(req.headers[buildIdHeader] ?? '');
    if (id !== '') check(req, id, String(req.headers['x-build-signature']));
    for await (const _chunk of req);
    if (id !== '' && known.has(id)) return res.writeHead(409).end(JSON.stringify({ code: 'build_exists' }));
    const build = new DirectedBuild(id);
    builds.push(build);
    if (id !== '') known.set(id, build);
    most = Math.max(most, [...known.values()].filter(({ isOver }) => !isOver).length);
    build.attach(res, 0);
    return res;
  };
  const answer = async (req: IncomingMessage, res: ServerResponse) => {
    res.setHeader('date', now().toUTCString());
    res.setHeader('x-slipway-features', 'build-options, attachable-builds');
    res.setHeader('x-slipway-engine', 'buildkit');
    if (req.url === '/healthz' || req.url === '/ready') return void res.writeHead(200).end('{}');
    if (req.url === '/build') return void (await begin(req, res));
    const [, id = '', from = '0'] = /^\/builds\/([^?]+)(?:\?from=(\d+))?$/.exec(req.url ?? '') ?? [];
    if (id === '') return void res.writeHead(404).end();
    check(req, id);
    if (req.method === 'GET' && toBreak > 0) {
      toBreak--;
      return void res.destroy();
    }
    const build = known.get(id);
    if (!build) return void res.writeHead(404).end(JSON.stringify({ code: 'build_not_found' }));
    if (req.method === 'GET') return build.attach(res, Number(from));
    build.canceled++;
    build.end({ status: 'failed', code: 'canceled', error: 'The build was stopped.' });
    return void res.writeHead(204).end();
  };
  const server = createServer((req, res) => {
    answer(req, res).catch((error: unknown) => {
      if (!(error instanceof SlipwayError)) return void res.destroy();
      // A refusal comes before the payload.
      res.setHeader('connection', 'close');
      return void res
        .writeHead(errorRow(error.code).status)
        .end(JSON.stringify({ status: 'failed', code: error.code }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    builds,
    async build(number) {
      await expect.poll(() => builds.length).toBeGreaterThan(number);
      return builds[number] as DirectedBuild;
    },
    most: () => most,
    breakReads(calls) {
      toBreak = calls;
    },
    forget() {
      for (const build of known.values()) build.cut();
      known = new Map();
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
