import { randomUUID } from 'node:crypto';
import type { Base } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { engineError } from '../engine-error.js';
import { FailureText } from '../failure-text.js';
import { BuildkitProgress } from './progress.js';
import type { Connection } from './protocol/connection.js';
import { GrpcError } from './protocol/grpc.js';
import {
  type SolveRequest,
  solveRequest,
  solveResponse,
  statusRequest,
  statusResponse,
} from './protocol/messages.js';
import { type Handlers, Session } from './session/session.js';
import { sourceDenied } from './solve-request.js';

interface SolveOptions {
  readonly connection: Connection;
  readonly asked: SolveRequest;
  readonly handlers: Handlers;
  readonly signal: AbortSignal;
  readonly onLog: (line: string) => void;
  /** The build is for a platform that is not the daemon's. */
  readonly isForeign: boolean;
}

const solveMethod = {
  path: '/moby.buildkit.v1.Control/Solve',
  request: solveRequest,
  response: solveResponse,
};
const statusMethod = {
  path: '/moby.buildkit.v1.Control/Status',
  request: statusRequest,
  response: statusResponse,
};
/** Limit of the time without news, in ms, after the end of a build. A build that never began has no end of its news. */
const lastNewsMs = 5_000;

interface Solved {
  /** Returns the digest of the pushed manifest. Throws when the daemon did not name it. */
  digest(): string;
  /** Returns the base images; see `BuildkitProgress`. */
  bases(): readonly Base[];
}

/**
 * Solves a build on the daemon. Settles when the daemon has ended it. Rejects with a coded error, or with the signal's reason when it is
 * aborted.
 */
export async function solve(options: SolveOptions): Promise<Solved> {
  const { connection, asked, handlers, signal, onLog, isForeign } = options;
  const printed = new FailureText({ prefix: '' });
  const progress = new BuildkitProgress({ onLog, onOutput: (line) => printed.add(line) });
  const ref = randomUUID();
  let session: Session | undefined;
  let news: News | undefined;
  try {
    session = new Session({ connection, handlers });
    news = new News({ connection, ref, progress });
    const { exporterResponse } = await connection.call(
      solveMethod,
      { ...asked, ref, session: session.id },
      signal,
    );
    return {
      digest: () => {
        const digest = exporterResponse['containerimage.digest'];
        if (digest !== undefined) return digest;
        throw new SlipwayError('builder_protocol', 'BuildKit named no digest of the image.');
      },
      bases: () => progress.bases,
    };
  } catch (error) {
    await news?.end();
    signal.throwIfAborted();
    if (session?.fault instanceof SlipwayError) throw session.fault;
    if (!(error instanceof GrpcError) && progress.stepError === undefined)
      throw new SlipwayError(
        'builder_lost',
        `The connection to BuildKit broke: ${(error as Error).message}`,
        {
          cause: error,
        },
      );
    // A status with very much text is not sent.
    const said = error instanceof GrpcError ? error.shown : progress.stepError;
    const message = `failed to solve: ${said}`;
    const denied = sourceDenied(message);
    if (denied) throw denied;
    throw engineError({
      message,
      stage: progress.isPushing ? 'push' : 'build',
      output: printed.lines(),
      foreignPlatform: isForeign,
    });
  } finally {
    session?.close();
    await news?.end();
  }
}

interface NewsOptions {
  readonly connection: Connection;
  readonly ref: string;
  readonly progress: BuildkitProgress;
}

/** Follows the progress of a build until the daemon has ended it. */
class News {
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NewsOptions) {
    // The call that solves reports the error of the connection.
    this.#ended = this.#follow(options).catch(() => undefined);
  }

  /** Resolves when the daemon has sent everything. */
  async end(): Promise<void> {
    this.#timer ??= setTimeout(() => this.#stop.abort(), lastNewsMs);
    await this.#ended;
    clearTimeout(this.#timer);
  }

  async #follow({ connection, ref, progress }: NewsOptions): Promise<void> {
    for await (const status of connection.stream(statusMethod, { ref }, this.#stop.signal)) {
      this.#timer?.refresh();
      progress.take(status);
    }
  }
}
