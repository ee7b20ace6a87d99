import { pipeline } from 'node:stream/promises';
import { digestSchema, sourceSchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { SourceStore } from '@slipway/source';
import type { Response } from 'express';
import { z } from 'zod';
import { accountOf } from '../http/auth.js';
import { type Endpoint, endpoint } from '../http/operation.js';
import { archiveErrors, storageErrors } from './errors.js';
import { findOwn, type OwnershipDeps } from './ownership.js';
import { archiveTypes, receiveSource } from './receive.js';

const path = z.object({ digest: digestSchema });

interface SourceEndpointsDeps extends OwnershipDeps {
  readonly sources: SourceStore;
}

export function sourceEndpoints(deps: SourceEndpointsDeps): Endpoint[] {
  const { sources } = deps;
  return [
    endpoint(
      {
        id: 'uploadSource',
        method: 'post',
        path: '/v1/sources',
        scope: 'jobs:write',
        tag: 'Sources',
        summary: 'Upload a build context',
        description:
          'A tar or tar.gz with the Dockerfile at its root. The same files give the same digest in any archive.',
        stream: { types: archiveTypes, description: 'A tar, or a tar.gz' },
        answers: {
          201: { description: 'Stored', content: { 'application/json': sourceSchema } },
          200: { description: 'The tenant already had it', content: { 'application/json': sourceSchema } },
        },
        errors: archiveErrors,
      },
      async ({ req, res }) => {
        // The status must not reveal whether another tenant has the source.
        const { digest, files, bytes, isNew } = await receiveSource(req, res, deps);
        res
          .location(`/v1/sources/${digest}`)
          .status(isNew ? 201 : 200)
          .json({ digest, files, bytes });
      },
    ),
    endpoint(
      {
        id: 'getSource',
        method: 'get',
        path: '/v1/sources/{digest}',
        scope: 'jobs:read',
        tag: 'Sources',
        summary: 'The manifest of a source, or with `Accept: application/x-tar` the source itself',
        params: path,
        answers: {
          200: {
            description: 'The source',
            content: {
              'application/json': sourceSchema,
              'application/x-tar': 'The files as a normalized tar',
            },
          },
        },
        errors: ['not_found', ...storageErrors],
      },
      async ({ params: { digest }, req, res }) => {
        const source = await findOwn(accountOf(res), digest, deps);
        if (!source) throw new SlipwayError('not_found', `There is no source ${digest}.`);
        if (req.accepts(['application/json', 'application/x-tar']) === 'application/x-tar') {
          await sendTar(sources, digest, res);
        } else res.json({ digest, files: source.files, bytes: source.bytes });
      },
    ),
  ];
}

async function sendTar(sources: SourceStore, digest: string, res: Response): Promise<void> {
  const tar = await sources.streamTar(digest);
  if (!tar) throw new SlipwayError('not_found', `There is no source ${digest}.`);
  res.type('application/x-tar');
  if (res.req.method === 'HEAD') {
    tar.destroy();
    res.end();
  } else await pipeline(tar, res);
}
