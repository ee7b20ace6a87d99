import type { ReplicaRegistry } from '@slipway/control-plane/replicas';
import { publicKeySchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { type Endpoint, endpoint } from '../http/operation.js';

/** `GET /publickey` of the Function Builder API (protocol.md), for the whole fleet. */
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
      summary: 'What build secrets are sealed with',
      description: 'The key of the builders; of several, the one that most of them have.',
      answers: { 200: { description: 'The key', content: { 'application/json': publicKeySchema } } },
      errors: ['not_found'],
    },
    async ({ res }) => {
      const key = await replicas.publicKey();
      if (!key) throw new SlipwayError('not_found', 'No builder of this installation opens build secrets.');
      res.json(key);
    },
  );
}
