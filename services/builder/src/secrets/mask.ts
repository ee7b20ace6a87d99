import type { SecretBytes } from '@slipway/shared/sealing';

/** Shorter values occur by chance: without them a log would say more about the secret, and less about the build. */
const minLength = 8;
const shownInstead = '***';

/**
 * Replaces secrets in text, as CI systems do in their logs: each whole value, and each line of it, that has at least eight
 * characters. It is no protection from a build that prints its secret in another form (base64, reversed, letter by letter).
 */
export class SecretMask {
  /** The values to replace, by their first characters, longest first. */
  readonly #values = new Map<string, string[]>();

  constructor(secrets: Iterable<SecretBytes>) {
    const values = new Set([...secrets].flatMap(parts));
    for (const value of [...values].sort((a, b) => b.length - a.length)) {
      const start = value.slice(0, minLength);
      this.#values.set(start, [...(this.#values.get(start) ?? []), value]);
    }
  }

  apply(text: string): string {
    if (this.#values.size === 0) return text;
    let masked = '';
    let last = 0;
    for (let at = 0; at + minLength <= text.length; ) {
      const length = this.#lengthAt(text, at);
      if (length === 0) {
        at++;
        continue;
      }
      masked += text.slice(last, at) + shownInstead;
      at += length;
      last = at;
    }
    return masked + text.slice(last);
  }

  #lengthAt(text: string, at: number): number {
    const values = this.#values.get(text.slice(at, at + minLength));
    if (!values) return 0;
    const whole = values.find((value) => text.startsWith(value, at));
    if (whole !== undefined) return whole.length;
    // A line that was too long ends in an ellipsis, maybe in the middle of a secret.
    if (!text.endsWith('…')) return 0;
    const rest = text.slice(at, -1);
    return values.some((value) => value.startsWith(rest)) ? rest.length : 0;
  }
}

function parts(secret: SecretBytes): string[] {
  const text = new TextDecoder().decode(secret.reveal()).trim();
  return [text, ...text.split(/[\r\n]+/).map((line) => line.trim())].filter(
    (part) => part.length >= minLength,
  );
}
