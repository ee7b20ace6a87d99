import type { Hmac } from 'node:crypto';
import { Secret } from '@slipway/shared/config';
import type { Tenant } from '@slipway/shared/jobs';
import { payloadHmac, signatureMatches } from '@slipway/shared/signing';
import { parseTenant } from '../tenants.js';

/** Whose payloads a secret signs. A tenant may have several, so that one can be replaced. */
export interface PayloadSecret {
  readonly tenant: Tenant;
  readonly secret: Secret;
}

/** Every payload is checked against all of them as it streams. */
const maxSecrets = 32;

/** Parses `name=secret` or `name:weight=secret`, comma-separated. The message of what it throws shows no secret. */
export function parsePayloadSecrets(text: string): PayloadSecret[] {
  const items = text.split(',').filter((item) => item.trim() !== '');
  if (items.length > maxSecrets) throw new Error(`must hold at most ${maxSecrets} secrets`);
  return items.map((item) => {
    const { tenant, value } = parseTenant(item);
    return { tenant, secret: new Secret(value) };
  });
}

/** The running signatures of one payload, by each of the secrets. */
export class Signatures {
  readonly #running: readonly { readonly tenant: Tenant; readonly hmac: Hmac }[];

  constructor(secrets: readonly PayloadSecret[]) {
    this.#running = secrets.map(({ tenant, secret }) => ({ tenant, hmac: payloadHmac(secret) }));
  }

  update(chunk: Uint8Array): void {
    for (const { hmac } of this.#running) hmac.update(chunk);
  }

  /** Whose secret made this value of X-Build-Signature. Each is compared in constant time, and all of them. */
  signer(signature: string): Tenant | undefined {
    const [found] = this.#running.filter(({ hmac }) => signatureMatches(signature, hmac));
    return found?.tenant;
  }
}
