import type { EndpointRecord, EndpointStore } from '@slipway/control-plane/webhooks';
import { SlipwayError } from '@slipway/shared/errors';

type EndpointGetter = Pick<EndpointStore, 'get'>;

/** Returns an endpoint. Throws `not_found`, also for another tenant's endpoint. */
export async function existingEndpoint(
  webhooks: EndpointGetter,
  tenant: string,
  id: string,
): Promise<EndpointRecord> {
  const record = await webhooks.get(tenant, id);
  if (!record) throw missingEndpoint(id);
  return record;
}

/** Returns an enabled endpoint. Throws `webhook_disabled` as well: messages to a disabled endpoint would be canceled. */
export async function enabledEndpoint(
  webhooks: EndpointGetter,
  tenant: string,
  id: string,
): Promise<EndpointRecord> {
  const record = await existingEndpoint(webhooks, tenant, id);
  if (!record.enabled) throw new SlipwayError('webhook_disabled', `The endpoint ${id} is disabled.`);
  return record;
}

export const missingEndpoint = (id: string) => new SlipwayError('not_found', `There is no webhook ${id}.`);
