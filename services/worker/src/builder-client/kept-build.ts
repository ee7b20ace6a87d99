import { buildPath } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { BuildCall } from '@slipway/shared/signing';
import type { Dispatcher } from 'undici';
import type { BuildEnd } from './answer.js';
import { isNotHttp, readResponse, readText } from './response.js';
import { type CallSigner, signedRequest } from './signed-request.js';

/** Calls about a build that a replica keeps under its id. */
interface KeptBuildOptions extends CallSigner {
  /** The replica's own address. */
  readonly url: string;
  readonly buildId: string;
  readonly dispatcher: Dispatcher;
}

interface AttachOptions extends KeptBuildOptions {
  /** The number of the first line to stream, counted from 0. */
  readonly from: number;
  readonly signal?: AbortSignal;
}

interface ReadOptions {
  /** The image that was asked for. */
  readonly image: string;
  readonly onLog: (lines: readonly string[], line?: number) => void;
  readonly onDraining: () => void;
}

/** The open answer of a replica that has the build. */
export interface OpenBuild {
  /** Reads the log and the end of the build. Throws `builder_lost` or `builder_protocol` when the answer ends without it. */
  read(options: ReadOptions): Promise<BuildEnd>;
  /** Reads no more. The build goes on. */
  close(): void;
}

/** A replica sends the beginning of its answer at once. */
const answerTimeoutMs = 5_000;
const cancelTimeoutMs = 2_000;

/**
 * Opens the stream of a build (`GET /builds/{id}`). Returns undefined when the replica does not know the build. Throws `builder_unreachable` when the replica gives
 * no answer, or an answer that says nothing about the build.
 */
export async function attachToBuild(options: AttachOptions): Promise<OpenBuild | undefined> {
  const { buildId, from, signal, dispatcher } = options;
  const path = buildPath(buildId, from);
  const call: BuildCall = { method: 'GET', path, buildId };
  const stop = new AbortController();
  const late = setTimeout(() => stop.abort(), answerTimeoutMs);
  try {
    const sent = {
      headers: { accept: 'application/x-ndjson' },
      signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
      dispatcher,
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    const response = await signedRequest({ ...options, call, options: () => sent });
    if (response.statusCode === 200) return openBuild(response, options);
    const said = await readText(response.body);
    if (response.statusCode === 404) return undefined;
    throw new SlipwayError(
      'builder_unreachable',
      `The builder answered ${response.statusCode}: ${said.slice(0, 300)}`,
    );
  } catch (error) {
    throw asUnreachable(error, options);
  } finally {
    clearTimeout(late);
  }
}

function openBuild(response: Dispatcher.ResponseData, { url, signal }: AttachOptions): OpenBuild {
  response.body.on('error', () => undefined);
  return {
    async read(options) {
      try {
        return await readResponse({ response, ...options });
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (error instanceof SlipwayError) throw error;
        const code = isNotHttp(error) ? 'builder_protocol' : 'builder_lost';
        throw new SlipwayError(code, `${url}: ${messageOf(error)}`, { cause: error });
      }
    },
    close: () => response.body.destroy(),
  };
}

/** Stops a build (`DELETE /builds/{id}`). Returns whether the replica has answered that it is stopped, or that it does not know it. Never rejects. */
export async function cancelBuild(options: KeptBuildOptions): Promise<boolean> {
  const { buildId, dispatcher } = options;
  const call: BuildCall = { method: 'DELETE', path: buildPath(buildId), buildId };
  const sent = { signal: AbortSignal.timeout(cancelTimeoutMs), dispatcher };
  try {
    const { statusCode, body } = await signedRequest({ ...options, call, options: () => sent });
    await body.dump();
    return statusCode === 204 || statusCode === 404;
  } catch {
    // The build ends by its own limit.
    return false;
  }
}

function asUnreachable(error: unknown, { url, signal }: AttachOptions): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof SlipwayError) return error;
  return new SlipwayError('builder_unreachable', `${url}: ${messageOf(error)}`, { cause: error });
}

const messageOf = (error: unknown) =>
  error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error);

/** Returns true when no process listens at the address any more, so that nothing is kept there. */
export const isGone = (error: unknown): boolean =>
  error instanceof SlipwayError &&
  (error.cause as NodeJS.ErrnoException | undefined)?.code === 'ECONNREFUSED';
