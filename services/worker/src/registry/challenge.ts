/** A challenge of `WWW-Authenticate` (RFC 9110 11.6.1). */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** Limit of a header that is parsed. */
const maxLength = 8_192;
/** A parameter, or the name of a scheme. */
const part = /([A-Za-z][\w.~+-]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([A-Za-z][\w-]*)(?=\s|,|$)/g;

/** Returns the challenges of a header, in their order. Skips what it cannot read. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  for (const [, name, quoted, plain, scheme] of header.slice(0, maxLength).matchAll(part)) {
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
    else {
      const value = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '';
      const challenge = challenges.at(-1);
      if (challenge && name !== undefined) challenge.parameters[name.toLowerCase()] ??= value;
    }
  }
  return challenges;
}
