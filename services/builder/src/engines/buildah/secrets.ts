import { isUtf8 } from 'node:buffer';
import { SlipwayError } from '@slipway/shared/errors';
import type { SecretBytes } from '@slipway/shared/sealing';

/** Linux takes 128 KiB for one variable, with its name (MAX_ARG_STRLEN). */
const maxVariableBytes = 128 * 1024 - 64;

interface SecretOptions {
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Returns options and variables that hand secrets to buildah. Secrets go through the environment, because buildah copies secret files to the disk
 * (`overlay-containers/<id>/userdata/secrets`). Throws `secrets_unsupported` for a value that no variable can hold.
 */
export function secretOptions(secrets: ReadonlyMap<string, SecretBytes>): SecretOptions {
  const entries = [...secrets].map(([name, secret], index) => {
    const bytes = secret.reveal();
    if (!isUtf8(bytes) || bytes.includes(0) || bytes.length > maxVariableBytes) {
      throw new SlipwayError(
        'secrets_unsupported',
        `This builder uses buildah, which takes secrets of UTF-8 text without zero bytes and at most ${maxVariableBytes} bytes; ${name} is not.`,
      );
    }
    const variable = `SLIPWAY_SECRET_${index}`;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
    return { option: `--secret=id=${name},env=${variable}`, variable: [variable, text] as const };
  });
  return {
    options: entries.map(({ option }) => option),
    env: Object.fromEntries(entries.map(({ variable }) => variable)),
  };
}
