import type { JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { parseSealedSecrets } from '@slipway/shared/sealing';
import { checkSecrets } from '../../tenants/account.js';

/**
 * Returns the stored form of sealed build secrets: the sealed text, and the public details. Throws `secrets_invalid`, or
 * `build_secret_not_allowed` as `checkSecrets` does.
 */
export function resolveSecrets(sealed: string | undefined, tenant: string): Pick<JobSpec, 'secrets'> {
  if (sealed === undefined) return {};
  const secrets = parsed(sealed);
  checkSecrets(secrets.names, tenant);
  return { secrets };
}

function parsed(sealed: string): NonNullable<JobSpec['secrets']> {
  try {
    const { keyId, values } = parseSealedSecrets(Buffer.from(sealed));
    return { key_id: keyId, names: [...values.keys()], sealed };
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    throw new SlipwayError(error.code, error.message, {
      errors: [{ path: '/secrets', message: error.message }],
    });
  }
}
