import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Secret } from '@slipway/shared/config';
import type { BuilderConfig } from '@slipway/shared/contracts';
import { SlipwayError, toProblem } from '@slipway/shared/errors';
import { endWithJson } from '../builds/answer.js';
import { buildDuration, type DurationOptions } from '../builds/duration.js';
import type { KeptBuild, KeptBuilds } from '../builds/kept-builds.js';
import { isLie } from '../builds/lies.js';
import { receivePayload } from '../builds/payload.js';
import { runBuild } from '../builds/run-build.js';
import type { FaultName, Faults } from '../faults/faults.js';
import type { RecordedOptions, Stats } from '../stats/stats.js';
import { buildCall, newBuildId } from './build-calls.js';

export interface RoutesOptions {
  readonly payloadSecret: Secret;
  /** Builds at once; 0 means no limit. */
  readonly maxInflight: number;
  readonly durations: DurationOptions;
  readonly faults: Faults;
  readonly stats: Stats;
  /** Undefined for a builder that keeps none. */
  readonly kept: KeptBuilds | undefined;
  readonly exit: () => void;
  /** Refuses connections for `ms` milliseconds, for the fault `refuse`. */
  readonly refuse: (ms: number) => void;
  /** Aborted when the simulator drains. */
  readonly draining: AbortSignal;
  /** Makes it report with a code, also on its streams, that it drains, as Slipway's builder does. Other builders do not. */
  readonly reportsDrain: boolean;
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The Function Builder API (protocol.md), and beside it what a test needs: `/stats` and `/faults`. */
export function routes(options: RoutesOptions): Handler {
  return async (request, response) => {
    try {
      await route(options, request, response);
    } catch (error) {
      if (!(error instanceof SlipwayError)) throw error;
      refuse(response, toProblem(error));
    }
  };
}

async function route(
  options: RoutesOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { stats, faults, draining, reportsDrain, maxInflight } = options;
  const isFull = () => maxInflight > 0 && stats.concurrency >= maxInflight;
  const path = request.url?.split('?')[0]?.replace(/^\/builds\/.*/, '/builds/');
  switch (`${request.method} ${path}`) {
    case 'POST /build':
      return await build(options, request, response);
    case 'GET /builds/':
    case 'DELETE /builds/':
      return await buildCall(options, request, response);
    case 'GET /healthz':
      return text(response, 200, 'OK');
    case 'GET /ready':
    case 'GET /readyz':
      if (faults.deadEngine?.reason)
        return endWithJson(response, 503, { ...engineUnreachable, status: 'not_ready' });
      if (draining.aborted && reportsDrain)
        return endWithJson(response, 503, { ...builderDraining, status: 'not_ready' });
      // As of Slipway's builder: /readyz does not fail because every slot is taken.
      return draining.aborted || faults.deadEngine || (isFull() && !request.url?.startsWith('/readyz'))
        ? text(response, 503, 'Busy')
        : text(response, 200, 'OK');
    case 'GET /stats':
      return endWithJson(response, 200, stats.snapshot());
    case 'DELETE /stats':
      stats.reset();
      return text(response, 204);
    case 'POST /faults':
      try {
        faults.set(JSON.parse(Buffer.concat(await request.toArray()).toString('utf8')));
      } catch (error) {
        return text(response, 422, (error as Error).message);
      }
      return text(response, 204);
    default:
      return text(response, 404, 'Not found');
  }
}

async function build(
  options: RoutesOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { stats, faults, maxInflight, draining, reportsDrain, kept } = options;
  const buildId = newBuildId(options, request);
  if (draining.aborted) {
    stats.refused('draining');
    response.setHeader('connection', 'close');
    if (reportsDrain) return refuse(response, builderDraining);
    return text(response, 503, 'Draining');
  }
  if (faults.deadEngine?.reason) {
    return refuse(response, engineUnreachable);
  }
  stats.arrived();
  const held = buildId === undefined ? undefined : kept?.add(buildId);
  try {
    if (maxInflight > 0 && stats.concurrency > maxInflight) {
      stats.refused('busy');
      return busy(response, maxInflight);
    }
    await admitted(options, { request, response, held, buildId });
  } finally {
    held?.left();
    stats.left();
  }
}

interface Admitted {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Both undefined for a build without an id. */
  readonly held: KeptBuild | undefined;
  readonly buildId: string | undefined;
}

async function admitted(
  options: RoutesOptions,
  { request, response, held, buildId }: Admitted,
): Promise<void> {
  const { stats, faults, payloadSecret, maxInflight, durations, exit } = options;
  const received = await receivePayload(request, payloadSecret);
  if (received.kind === 'bad_signature') {
    stats.refused('bad_signatures');
    return text(response, 401, 'The signature does not match the body');
  }
  if (received.kind === 'bad_payload') {
    stats.refused('bad_payloads');
    return text(response, 400, received.detail);
  }
  const { image } = received.config;
  const fault = faults.choose(image);
  if (fault) stats.fault(fault.fault);
  if (fault?.fault === 'busy') return busy(response, maxInflight);
  if (fault?.fault === 'refuse') {
    options.refuse(fault.ms);
    response.socket?.resetAndDestroy();
    return;
  }
  const durationMs = buildDuration(image, durations);
  const kept = fault && losesBuild(fault.fault) ? undefined : held;
  await runBuild({
    ...{ request, response, buildId, kept, image, durationMs, fault, stats, exit },
    options: optionsOf(received.config),
    isEngineDead: () => faults.deadEngine !== undefined,
    draining: options.reportsDrain ? options.draining : undefined,
  });
}

/** Faults of a replica that does not know the build any more when its connection ends. */
const losesBuild = (fault: FaultName): boolean =>
  isLie(fault) || ['reset', 'truncated', 'garbage', 'error_500', 'exit'].includes(fault);

function optionsOf({
  dockerfile,
  target,
  tags,
  labels,
  annotations,
  noCache,
  pull,
}: BuilderConfig): RecordedOptions {
  const options = Object.entries({ dockerfile, target, tags, labels, annotations, noCache, pull });
  return Object.fromEntries(options.filter(([, value]) => value !== undefined && value !== null));
}

const engineUnreachable = { status: 503, code: 'engine_unreachable', detail: 'BuildKit does not answer' };
const builderDraining = { status: 503, code: 'builder_draining', detail: 'The builder is draining' };

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

function refuse(response: ServerResponse, { status, code, detail }: Refusal): void {
  endWithJson(response, status, { status: 'failed', error: detail, code, log: [] });
}

/** Word for word as pro-builder says it. */
function busy(response: ServerResponse, limit: number): void {
  text(response, 429, `Concurrent request limit exceeded. Max concurrent request${limit}`);
}

function text(response: ServerResponse, status: number, body?: string): void {
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'text/plain; charset=utf-8' });
  response.end(body);
}
