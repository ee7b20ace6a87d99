import { Secret } from '@slipway/shared/config';
import { SlipwayError } from '@slipway/shared/errors';
import {
  keyIdOf,
  openSecrets,
  parseSealedSecrets,
  publicKeyOf,
  type SecretBytes,
} from '@slipway/shared/sealing';

interface RingKey {
  readonly keyId: string;
  readonly publicKey: string;
  readonly privateKey: Secret;
}

/** The private keys that open build secrets: the current one, and older ones while clients still use them. */
export class KeyRing {
  readonly #keys: readonly [RingKey, ...RingKey[]];

  /** Private keys in base64 with white space between them, the one to be handed out first. Throws an Error for any other text. */
  constructor(keys: Secret) {
    const [first, ...others] = keys
      .reveal()
      .split(/\s+/)
      .filter((text) => text !== '')
      .map((text) => ringKey(new Secret(text)));
    if (!first) throw new Error('holds no key');
    this.#keys = [first, ...others];
  }

  /** The key that clients seal new secrets with. */
  get current(): { readonly keyId: string; readonly publicKey: string } {
    const { keyId, publicKey } = this.#keys[0];
    return { keyId, publicKey };
  }

  get keyIds(): readonly string[] {
    return this.#keys.map(({ keyId }) => keyId);
  }

  /**
   * Opens `com.openfaas.secrets`, in memory. The caller wipes what it gets when it is done. Throws `secrets_invalid` or
   * `secrets_key_unknown`.
   */
  open(content: Uint8Array): ReadonlyMap<string, SecretBytes> {
    const sealed = parseSealedSecrets(content);
    // A sender need not name the key; then the current one is meant.
    const key = sealed.keyId === '' ? this.#keys[0] : this.#keys.find(({ keyId }) => keyId === sealed.keyId);
    if (key) return openSecrets({ sealed, privateKey: key.privateKey });
    throw new SlipwayError(
      'secrets_key_unknown',
      `The secrets are sealed for the key ${JSON.stringify(sealed.keyId)}, this builder has ${this.keyIds.join(' and ')}.`,
    );
  }
}

function ringKey(privateKey: Secret): RingKey {
  const publicKey = publicKeyOf(privateKey);
  return { keyId: keyIdOf(publicKey), publicKey, privateKey };
}
