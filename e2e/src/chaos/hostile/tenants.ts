import type { Fleet } from '@slipway/simulator';
import type { NewTenant } from './attack.js';

/** Bytes of sources that a tenant may store unless an attack sets another limit: more than any archive of the corpus unpacks to. */
export const defaultSourceBytes = 512 * 1024 * 1024;

/** All scopes that a token of a tenant other than `default` can have. */
const scopes = [
  'jobs:read',
  'jobs:write',
  'templates:write',
  'webhooks:read',
  'webhooks:write',
  'tokens:admin',
];

/** Creates a tenant that may push anywhere. Resolves to a token for the tenant. */
export async function createTenant({
  fleet,
  name,
  limits,
}: NewTenant & { readonly fleet: Fleet }): Promise<string> {
  const made = await fleet.calls.call(`/v1/tenants/${name}`, {
    method: 'PUT',
    json: { images: ['*'], limits: { source_bytes: defaultSourceBytes, ...limits } },
  });
  if (made.status >= 300) throw new Error(`the tenant ${name} was answered with ${made.status}`);
  const answer = await fleet.calls.call('/v1/tokens', {
    method: 'POST',
    json: { tenant: name, description: 'chaos', scopes },
  });
  if (answer.status !== 201) throw new Error(`a token for ${name} was answered with ${answer.status}`);
  return (answer.body as { token: string }).token;
}
