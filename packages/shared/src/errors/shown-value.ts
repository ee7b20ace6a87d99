/** The maximum of characters of a value in an error. */
const maxShown = 200;

/** Fields whose values are or may be secret, and files, whose text does not help in an error. Hides all fields below them as well. */
const hidden =
  /secret|token|password|passwd|credential|authorization|private|sealed|sha256|^(?:key|headers?|build_args|buildArgs|args|files|content)$/i;

/** Control and format characters, which move the cursor or reverse text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** Returns true if an error may show the field's value. */
export function mayShow(path: readonly PropertyKey[]): boolean {
  return !path.some((part) => typeof part === 'string' && hidden.test(part));
}

/**
 * Returns a wrong value for an error message: JSON, at most 200 characters, only printable ones, and no credentials of a URL.
 * Undefined for a value that is not a string, number or boolean.
 */
export function shownValue(value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return undefined;
  const characters = Array.from(withoutCredentials(value.slice(0, 2 * maxShown + 4096)));
  const cut = characters.length > maxShown;
  const text = cut ? `${characters.slice(0, maxShown).join('')}…` : characters.join('');
  return JSON.stringify(text).replace(
    unprintable,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/**
 * Removes possible credentials from a URL: user and password, query and fragment. Text before an `@` counts as credentials if it
 * contains a colon, unless the text is an image with a digest.
 */
function withoutCredentials(text: string): string {
  const url = /^([a-z][a-z0-9+.-]*:\/*)([\s\S]*)$/i.exec(text);
  if (url?.[1]?.includes('/')) {
    const [, scheme = '', rest = ''] = url;
    const [base = ''] = rest.split(/[?#]/);
    const at = base.lastIndexOf('@');
    const cut = base.length < rest.length ? `${rest[base.length]}***` : '';
    return `${scheme}${at === -1 ? base : `***${base.slice(at)}`}${cut}`;
  }
  const at = text.lastIndexOf('@');
  const isDigest = /^@sha\d{3}:/.test(text.slice(at));
  return at > 0 && !isDigest && /[:]/.test(text.slice(0, at)) ? `***${text.slice(at)}` : text;
}
