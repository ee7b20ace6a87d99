import type { JobRecord } from '@slipway/control-plane/jobs';
import type { JobSpec } from '@slipway/shared/contracts';
import { type SealingKey, unseal } from '@slipway/shared/signing';

/** Returns the spec of a job for a retry, with the secret of its callback, which the record holds sealed. */
export function specForRetry(record: JobRecord, sealingKey: SealingKey): JobSpec {
  const { spec, sealedCallbackSecret } = record;
  if (!spec.callback || sealedCallbackSecret === undefined) return spec;
  const secret = unseal(sealingKey, sealedCallbackSecret, record.id);
  return { ...spec, callback: { ...spec.callback, secret } };
}
