import type { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { publicKeySchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { type Endpoint, endpoint } from '../http/operation.js';

/** Returns the endpoint for `GET /publickey` of the Function Builder API (protocol.md), for the whole fleet. */
export function publicKeyEndpoint({
  replicas,
}: {
  readonly replicas: Pick<ReplicaRegistry, 'publicKey'>;
}): Endpoint {
  return endpoint(
    {
      id: 'getPublicKey',
      method: 'get',
      path: '/publickey',
      scope: 'none',
      tag: 'Function Builder',
      summary: 'The public key for sealing build secrets',
      description:
        'The key of the builders. If builders have different keys, the most frequent one; while no builder is usable, the last known one.',
      answers: { 200: { description: 'The key', content: { 'application/json': publicKeySchema } } },
      errors: ['not_found'],
    },
    async ({ res }) => {
      const key = await replicas.publicKey();
      if (!key) throw new SlipwayError('not_found', 'No builder of this installation accepts build secrets.');
      res.json(key);
    },
  );
}
