import type { Fields } from './fields.js';
import { Secret } from './secret.js';

/** The installation's payload secret, and the previous secrets during a rotation. */
export interface PayloadSecrets {
  readonly payloadSecret: Secret;
  /** The newest first. Slipway opens and verifies with them, but never seals or signs with them. */
  readonly previousPayloadSecrets: readonly Secret[];
}

/** Bounds the cost: every secret is tried when opening, and payloads are verified against all of them as they stream. */
const most = 4;

export function payloadSecrets(fields: Fields): PayloadSecrets {
  return {
    payloadSecret: fields.secret('PAYLOAD_SECRET', {
      doc: 'Signs build payloads, and seals stored secrets. The same for all services',
    }),
    previousPayloadSecrets: previousPayloadSecrets(fields),
  };
}

/** Returns the secrets of `PAYLOAD_SECRET_PREVIOUS`, one a line. */
export function previousPayloadSecrets(fields: Fields): readonly Secret[] {
  const doc =
    'Up to four others, one a line, that services still accept during a [replacement](payload-secret.md)';
  return fields.parsedSecret('PAYLOAD_SECRET_PREVIOUS', { doc, parse }) ?? [];
}

function parse(text: string): Secret[] {
  const lines = text.split('\n').map((line) => line.trim());
  const secrets = [...new Set(lines)].filter((line) => line !== '');
  if (secrets.length > most) throw new Error(`must hold at most ${most} secrets, one a line`);
  return secrets.map((secret) => new Secret(secret));
}
