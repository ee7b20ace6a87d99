/** Compiles a shell pattern (`*`, `?`, `[a-z]`, `[^a]`, `\x`) for a whole text; undefined when it is malformed. */
export function patternOf(pattern: string): RegExp | undefined {
  let result = '';
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string;
    if (character === '*') result += '[^]*';
    else if (character === '?') result += '[^]';
    else if (character === '[') {
      const end = pattern.indexOf(']', at + 2);
      if (end === -1) return undefined;
      result += `[${pattern.slice(at + 1, end).replace(/[[\\]/g, '\\$&')}]`;
      at = end;
    } else if (character === '\\') {
      at++;
      if (at === pattern.length) return undefined;
      result += literal(pattern[at] as string);
    } else result += literal(character);
  }
  try {
    return new RegExp(`^${result}$`, 'u');
  } catch {
    return undefined;
  }
}

/** Compiles a wildcard of `faas-cli --filter`: `*` matches any characters, everything else matches itself. */
export const wildcard = (pattern: string): RegExp =>
  new RegExp(`^${pattern.split('*').map(literal).join('[^]*')}$`, 'u');

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
