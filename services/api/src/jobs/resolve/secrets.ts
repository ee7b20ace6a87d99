import type { JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { parseSealedSecrets } from '@slipway/shared/sealing';

/** What is kept of sealed build secrets: as they are, and what of them may be shown. Throws `secrets_invalid`. */
export function resolveSecrets(sealed: string | undefined): Pick<JobSpec, 'secrets'> {
  if (sealed === undefined) return {};
  try {
    const { keyId, values } = parseSealedSecrets(Buffer.from(sealed));
    return { secrets: { key_id: keyId, names: [...values.keys()], sealed } };
  } catch (error) {
    if (!(error instanceof SlipwayError)) throw error;
    throw new SlipwayError(error.code, error.message, {
      errors: [{ path: '/secrets', message: error.message }],
    });
  }
}
