import { SlipwayError } from '@slipway/shared/errors';
import { sealingAlgorithm } from '@slipway/shared/sealing';
import type { RequestHandler } from 'express';
import type { KeyRing } from '../secrets/key-ring.js';

/** `GET /publickey` of the Function Builder API: what build secrets are to be sealed with. */
export function publicKeyRoute(keyRing: KeyRing | undefined): RequestHandler {
  return (_req, res) => {
    if (!keyRing) throw new SlipwayError('not_found', 'This builder has no key for build secrets.');
    const { keyId, publicKey } = keyRing.current;
    res.json({ key_id: keyId, algorithm: sealingAlgorithm, public_key: publicKey });
  };
}
