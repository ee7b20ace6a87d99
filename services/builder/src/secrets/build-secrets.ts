import { SlipwayError } from '@slipway/shared/errors';
import type { SecretBytes } from '@slipway/shared/sealing';
import type { KeyRing } from './key-ring.js';
import { SecretMask } from './mask.js';

/** The secrets of one build, open for as long as it runs. */
export class BuildSecrets {
  readonly values: ReadonlyMap<string, SecretBytes>;
  readonly #mask: SecretMask;

  private constructor(values: ReadonlyMap<string, SecretBytes>) {
    this.values = values;
    this.#mask = new SecretMask(values.values());
  }

  /** Opens what came with a payload, if anything did. Throws `secrets_invalid` or `secrets_key_unknown`. */
  static open({
    sealed,
    keyRing,
  }: {
    sealed: Buffer | undefined;
    keyRing: KeyRing | undefined;
  }): BuildSecrets {
    if (!sealed) return new BuildSecrets(new Map());
    if (!keyRing) throw new SlipwayError('secrets_key_unknown', 'This builder has no key for build secrets.');
    return new BuildSecrets(keyRing.open(sealed));
  }

  mask(text: string): string {
    return this.#mask.apply(text);
  }

  /** An error whose text may be shown and logged. */
  maskError(error: unknown): unknown {
    if (this.values.size === 0) return error;
    if (error instanceof SlipwayError) return new SlipwayError(error.code, this.mask(error.message));
    const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
    const masked = new Error(this.mask(message));
    masked.name = name;
    masked.stack = this.mask(stack ?? '');
    return masked;
  }

  wipe(): void {
    for (const value of this.values.values()) value.wipe();
  }
}
