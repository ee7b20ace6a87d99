import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Secret } from '@slipway/shared/config';
import { buildIdHeader, isBuildId } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import {
  type BuildCall,
  callSignatureHeader,
  signatureHeader,
  verifyBuildCall,
} from '@slipway/shared/signing';
import type { KeptBuilds } from '../builds/kept-builds.js';
import type { Stats } from '../stats/stats.js';

interface BuildCallsOptions {
  readonly payloadSecret: Secret;
  /** Undefined for a builder that keeps no builds. */
  readonly kept: KeptBuilds | undefined;
  readonly stats: Stats;
}

/**
 * Returns the id that `POST /build` gives its build, or undefined for a build without an id. Throws if the id or its signature is not
 * valid, or the id is known.
 */
export function newBuildId({ kept, payloadSecret }: BuildCallsOptions, request: IncomingMessage) {
  const buildId = header(request, buildIdHeader);
  if (!kept || buildId === undefined) return undefined;
  if (!isBuildId(buildId)) throw new SlipwayError('request_invalid', `${buildIdHeader} is not a build id.`);
  const payloadSignature = header(request, signatureHeader) ?? '';
  verify(payloadSecret, request, { method: 'POST', path: '/build', buildId, payloadSignature });
  if (kept.get(buildId)) throw new SlipwayError('build_exists');
  return buildId;
}

/** `GET` and `DELETE /builds/{id}`. */
export async function buildCall(
  options: BuildCallsOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { kept, payloadSecret, stats } = options;
  const { url: path = '' } = request;
  const [, buildId = '', from = '0'] = /^\/builds\/([\w-]{1,128})(?:\?from=(\d{1,9}))?$/.exec(path) ?? [];
  if (!kept || buildId === '') throw new SlipwayError('not_found');
  const method = request.method === 'DELETE' ? 'DELETE' : 'GET';
  verify(payloadSecret, request, { method, path, buildId });
  await kept.get(buildId)?.begun();
  const build = kept.get(buildId);
  if (!build) throw new SlipwayError('build_not_found');
  if (method === 'GET') {
    stats.called('attached');
    build.attach(response, Number(from));
    return;
  }
  stats.called('canceled');
  await build.cancel();
  response.writeHead(204).end();
}

function verify(secret: Secret, request: IncomingMessage, call: BuildCall): void {
  const signature = header(request, callSignatureHeader);
  verifyBuildCall({ secrets: [secret], call, header: signature, at: new Date() });
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
