import type { Hmac } from 'node:crypto';
import { payloadHmac, signatureMatches } from '@slipway/shared/signing';
import type { Account } from '../tenants/account.js';
import type { PayloadSigner } from '../tenants/directory.js';

/** The running signatures of one payload, one per secret. */
export class Signatures {
  readonly #running: readonly { readonly account: Account; readonly hmac: Hmac }[];

  constructor(signers: readonly PayloadSigner[]) {
    this.#running = signers.map(({ account, secret }) => ({ account, hmac: payloadHmac(secret) }));
  }

  update(chunk: Uint8Array): void {
    for (const { hmac } of this.#running) hmac.update(chunk);
  }

  /** Returns the account whose secret made this value of X-Build-Signature. Compares with every secret, each in constant time. */
  signer(signature: string): Account | undefined {
    const [found] = this.#running.filter(({ hmac }) => signatureMatches(signature, hmac));
    return found?.account;
  }
}
