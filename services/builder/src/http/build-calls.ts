import type { Secret } from '@slipway/shared/config';
import { buildIdHeader, isBuildId } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { callSignatureHeader, verifyBuildCall } from '@slipway/shared/signing';
import express, { type Request, type Router } from 'express';
import type { AttachableBuild } from '../attachable/attachable-build.js';
import type { AttachableBuilds } from '../attachable/attachable-builds.js';
import { streamBuild } from '../attachable/stream-build.js';
import type { Drain } from '../drain.js';

interface Signed {
  readonly secrets: readonly Secret[];
}

interface NewBuildOptions extends Signed {
  readonly req: Request;
  /** The value of X-Build-Signature. */
  readonly signature: string;
}

/**
 * Returns the id that `POST /build` gives its build; undefined for a build without an id. Throws `request_invalid`, `signature_missing`,
 * `signature_invalid` or `signature_expired`.
 */
export function newBuildId({ req, secrets, signature }: NewBuildOptions): string | undefined {
  const id = req.get(buildIdHeader);
  if (id === undefined) return undefined;
  if (!isBuildId(id))
    throw new SlipwayError(
      'request_invalid',
      `${buildIdHeader} is not 1 to 128 letters, digits, hyphens and underscores.`,
    );
  verify({ secrets, req, method: 'POST', id, payloadSignature: signature });
  return id;
}

interface BuildCallsOptions extends Signed {
  readonly builds: AttachableBuilds;
  readonly drain: Drain;
  readonly heartbeatMs: number;
}

/** `GET` and `DELETE /builds/{id}`: what other clients than the first one do with a build that has an id. */
export function buildCalls({ builds, secrets, drain, heartbeatMs }: BuildCallsOptions): Router {
  const router = express.Router();
  const called = async (req: Request<{ id: string }>, method: 'GET' | 'DELETE'): Promise<AttachableBuild> => {
    const { id } = req.params;
    verify({ secrets, req, method, id });
    // While the payload arrives it is open whether there will be a build.
    await builds.get(id)?.arrived;
    const build = builds.get(id);
    if (!build) throw new SlipwayError('build_not_found');
    return build;
  };
  router
    .route('/builds/:id')
    .get(async (req, res) => {
      const build = await called(req, 'GET');
      await streamBuild({ build, res, from: lineOf(req), heartbeatMs, draining: drain.begun });
    })
    .delete(async (req, res) => {
      const build = await called(req, 'DELETE');
      await build.cancel();
      res.status(204).end();
    })
    .all((_req, res) => {
      res.set('Allow', 'GET, DELETE');
      throw new SlipwayError('method_not_allowed');
    });
  return router;
}

function lineOf(req: Request): number {
  const from = req.query.from ?? '0';
  if (typeof from !== 'string' || !/^\d{1,12}$/.test(from))
    throw new SlipwayError('request_invalid', 'from is not the number of a line.');
  return Number(from);
}

interface VerifyOptions extends Signed {
  readonly req: Pick<Request, 'originalUrl' | 'get'>;
  readonly method: 'POST' | 'GET' | 'DELETE';
  readonly id: string;
  readonly payloadSignature?: string;
}

function verify({ secrets, req, method, id, payloadSignature }: VerifyOptions): void {
  verifyBuildCall({
    secrets,
    call: { method, path: req.originalUrl, buildId: id, payloadSignature },
    header: req.get(callSignatureHeader),
    at: new Date(),
  });
}
