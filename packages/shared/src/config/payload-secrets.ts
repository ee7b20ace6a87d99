import type { Fields } from './fields.js';
import { Secret } from './secret.js';

/** The secret of the installation, and those that it takes the place of while it is being replaced. */
export interface PayloadSecrets {
  readonly payloadSecret: Secret;
  /** The newest first. What they sealed or signed is still taken; nothing is sealed or signed with them. */
  readonly previousPayloadSecrets: readonly Secret[];
}

/** Each is tried on what is opened, and payloads are checked against all as they stream. */
const most = 4;

/** Those of `PAYLOAD_SECRET_PREVIOUS`, one a line. */
export function previousPayloadSecrets(fields: Fields): readonly Secret[] {
  return fields.parsedSecret('PAYLOAD_SECRET_PREVIOUS', parse) ?? [];
}

function parse(text: string): Secret[] {
  const lines = text.split('\n').map((line) => line.trim());
  const secrets = [...new Set(lines)].filter((line) => line !== '');
  if (secrets.length > most) throw new Error(`must hold at most ${most} secrets, one a line`);
  return secrets.map((secret) => new Secret(secret));
}
