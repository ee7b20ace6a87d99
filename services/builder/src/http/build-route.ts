import { rm } from 'node:fs/promises';
import type { Secret } from '@slipway/shared/config';
import { type BuilderResult, engineFacts, isolationHeader } from '@slipway/shared/contracts';
import { errorRow, SlipwayError, toProblem } from '@slipway/shared/errors';
import { type Answer, BufferedAnswer, StreamedAnswer } from '@slipway/shared/function-builder';
import { clientNetwork } from '@slipway/shared/http';
import type { Logger } from '@slipway/shared/logger';
import { signatureHeader } from '@slipway/shared/signing';
import { type TraceSpan, type Tracing, traceContextOf } from '@slipway/shared/tracing';
import type { Request, RequestHandler, Response } from 'express';
import type { AttachableBuild } from '../attachable/attachable-build.js';
import type { AttachableBuilds } from '../attachable/attachable-builds.js';
import { streamBuild } from '../attachable/stream-build.js';
import { ContextTimes } from '../builds/epoch.js';
import { type Intake, type ReceivedBuild, type ReceiveLimits, receiveBuild } from '../builds/receive.js';
import { runBuild } from '../builds/run.js';
import type { Slots } from '../builds/slots.js';
import { stopSignal, timeLimit } from '../builds/stop-signals.js';
import type { WorkDir } from '../builds/work-dir.js';
import type { Drain } from '../drain.js';
import type { BuildEngine } from '../engines/engine.js';
import type { EngineWatch } from '../engines/watch.js';
import type { BuilderMetrics } from '../metrics.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { newBuildId } from './build-calls.js';

export interface BuildRouteOptions extends Intake {
  readonly engine: BuildEngine;
  readonly watch: Pick<EngineWatch, 'fault' | 'suspect' | 'ready'>;
  readonly workDir: WorkDir;
  readonly slots: Slots;
  readonly drain: Drain;
  /** Undefined where signatures are not checked. */
  readonly secrets: readonly Secret[] | undefined;
  /** Undefined for a builder that keeps no build when its caller is gone. */
  readonly attachable: { readonly builds: AttachableBuilds; readonly secrets: readonly Secret[] } | undefined;
  readonly keyRing: KeyRing | undefined;
  readonly reproducible: boolean;
  readonly limits: ReceiveLimits;
  readonly allowedFrontends: readonly string[];
  readonly buildTimeoutMs: number;
  /** Between two signs of life in a stream. */
  readonly heartbeatMs: number;
  readonly metrics: BuilderMetrics;
  readonly tracing: Tracing;
  readonly logger: Logger;
}

/** `POST /build` of the Function Builder API. */
export function buildRoute(options: BuildRouteOptions): RequestHandler {
  const { slots, drain, metrics, secrets, tracing, watch, attachable } = options;
  const times = new ContextTimes();
  return async (req, res) => {
    res.once('finish', () => metrics.responses.inc({ status: res.statusCode }));
    const signature = req.get(signatureHeader);
    const buildId = attachable && newBuildId({ ...attachable, req, signature: signature ?? '' });
    // Before all that only concerns a build that begins: one with this id may take the slot that is missing.
    if (buildId !== undefined) attachable?.builds.mustBeNew(buildId);
    if (drain.begun.aborted) {
      res.set('Connection', 'close');
      throw new SlipwayError('builder_draining');
    }
    if (secrets && signature === undefined) throw new SlipwayError('signature_missing');
    if (watch.fault) throw watch.fault;
    if (req.get(isolationHeader) !== undefined) await requireIsolation(options);
    const release = slots.take();
    if (!release) throw busy(slots.limit);
    // Throws if another request took the id meanwhile: some checks above wait.
    const named = buildId === undefined ? undefined : attachable?.builds.add(buildId);
    const span = tracing.start({ ...requestSpan, parent: traceContextOf(req.headers) });
    try {
      await span.during(() => handle({ ...options, req, res, signature, times, span, named }));
    } finally {
      named?.left();
      release();
      span.end();
    }
  };
}

/** Rejects where builds reach the machine or each other. The first check of the engine finds that out. */
async function requireIsolation({
  engine,
  watch,
}: Pick<BuildRouteOptions, 'engine' | 'watch'>): Promise<void> {
  await watch.ready();
  const { name, reported } = engine;
  if (reported !== undefined && engineFacts[reported].isIsolated) return;
  throw new SlipwayError(
    'builder_not_isolated',
    `This builder uses ${engineFacts[reported ?? name].title}, where builds reach the machine or each other.`,
  );
}

const requestSpan = {
  name: 'POST /build',
  kind: 'server',
  begins: 'alone',
  attributes: { 'http.request.method': 'POST', 'http.route': '/build' },
} as const;

/** The words of pro-builder, for clients that look at the text. */
function busy(limit: number): SlipwayError {
  const detail = `Concurrent request limit exceeded. Max concurrent requests ${limit}`;
  return new SlipwayError('builder_busy', detail, { retryAfter: 1 });
}

interface HandleOptions extends BuildRouteOptions {
  readonly req: Request;
  readonly res: Response;
  readonly signature: string | undefined;
  readonly times: ContextTimes;
  readonly span: TraceSpan;
  /** The build, if it has an id. */
  readonly named: AttachableBuild | undefined;
}

async function handle(options: HandleOptions): Promise<void> {
  const { req, res, workDir, engine, metrics, drain, span, tracing, logger, named } = options;
  const id = workDir.nextBuildId();
  const line: Record<string, unknown> = { build: id, engine: engine.name };
  const started = performance.now();
  const elapsedMs = () => Math.round(performance.now() - started);
  const folder = await workDir.folder('build');
  const cleanUp = () => rm(folder, { recursive: true, force: true });
  try {
    const limitMs = timeLimit(req, options.buildTimeoutMs);
    const build = await receive(options, folder);
    const { image, platforms, push } = build.config;
    Object.assign(line, {
      image,
      platforms,
      push,
      secrets: build.sealed === undefined ? 'none' : 'sealed',
      bytes: build.bytes,
      files: build.files,
      receive_ms: elapsedMs(),
    });
    span.set({
      'slipway.build': id,
      'slipway.engine': engine.name,
      'slipway.image': image,
      'slipway.push': push,
      'slipway.payload.bytes': build.bytes,
      'slipway.payload.files': build.files,
    });
    const stop = stopSignal({ response: named ? undefined : res, limitMs, drained: drain.over });
    named?.begin(stop.stop);
    const answer = answerTo(options);
    const announceDrain = () => answer.drain();
    if (drain.begun.aborted) announceDrain();
    drain.begun.addEventListener('abort', announceDrain);
    const stopTimer = metrics.buildSeconds.startTimer();
    const { result, error } = await runBuild({
      ...{ id, build, folder, engine, keyRing: options.keyRing, reproducible: options.reproducible },
      allowedFrontends: options.allowedFrontends,
      signal: stop.signal,
      onLog: (text) => answer.log(text),
      tracing,
    });
    stop.clear();
    drain.begun.removeEventListener('abort', announceDrain);
    stopTimer({ status: result.status });
    await cleanUp();
    // Readiness says it before the client reads it.
    if (result.code === 'engine_unreachable' || result.code === 'builder_lost') await options.watch.suspect();
    // The slot is given back in the same turn: on the last word the client may send its next build.
    answer.end(result);
    span.set({ 'http.response.status_code': res.statusCode, 'slipway.digest': result.digest });
    if (error !== undefined) span.fail(result.code ?? 'internal');
    logEnd({ logger, line: { ...line, total_ms: elapsedMs() }, result, error });
  } catch (error) {
    // What is left of a body that was read in part must be read too, or the client never comes to read the answer.
    req.resume();
    await cleanUp();
    const { code, status } = toProblem(error);
    span.set({ 'http.response.status_code': status });
    span.fail(code);
    logger.info({ ...line, code, total_ms: elapsedMs() }, 'build refused');
    throw error;
  }
}

function receive(
  { req, res, signature, secrets, limits, metrics, tracing, times, unverified, floor }: HandleOptions,
  folder: string,
): Promise<ReceivedBuild> {
  const onBytes = (bytes: number) => metrics.receivedBytes.inc(bytes);
  const gone = new AbortController();
  const onClose = () => gone.abort(new SlipwayError('canceled', 'The client went away.'));
  res.once('close', onClose);
  const received = receiveBuild({
    request: req,
    network: clientNetwork(req),
    signal: gone.signal,
    unverified,
    floor,
    signature,
    secrets,
    limits,
    folder,
    onBytes,
    modified: times.next(),
    tracing,
  });
  return received.finally(() => res.off('close', onClose));
}

interface EndOptions {
  readonly logger: Logger;
  readonly line: Record<string, unknown>;
  readonly result: BuilderResult;
  readonly error: unknown;
}

/** Logs the one line of a build. Omits the text of a user's failure, which may hold the user's data and goes to the user only. */
function logEnd({ logger, line, result, error }: EndOptions): void {
  const { status, code, digest, duration, error: message } = result;
  const wide = { ...line, status, digest, build_seconds: duration };
  if (error === undefined) logger.info(wide, 'build ended');
  else if (!(error instanceof SlipwayError)) logger.error({ ...wide, code, err: error }, 'build ended');
  else {
    const isUsers = errorRow(error.code).fault === 'user';
    logger.info({ ...wide, code, ...(!isUsers && { error: message }) }, 'build ended');
  }
}

function answerTo({ req, res, heartbeatMs, named, drain, logger }: HandleOptions): Answer {
  const wantsStream = req.get('accept')?.includes('application/x-ndjson') ?? false;
  if (!named) return wantsStream ? new StreamedAnswer({ res, heartbeatMs }) : new BufferedAnswer({ res });
  if (wantsStream) {
    streamBuild({ build: named, res, from: 0, heartbeatMs, draining: drain.begun }).catch(
      (error: unknown) => {
        logger.error({ err: error }, 'a stream broke off');
        res.destroy();
      },
    );
    return named;
  }
  return bufferedAndKept(named, res);
}

/** The answer of a build with an id to a client that wants one object at the end. */
function bufferedAndKept(named: AttachableBuild, res: Response): Answer {
  const buffered = new BufferedAnswer({ res });
  const leave = named.join();
  res.once('close', leave).once('finish', () => named.markFetched());
  if (res.closed) leave();
  return {
    log(line) {
      named.log(line);
      buffered.log(line);
    },
    drain: () => named.drain(),
    end(result) {
      named.end(result);
      buffered.end(result);
    },
  };
}
