/** The characters that Go's `strings.TrimSpace` removes: U+0085 and U+FEFF differ from `String.prototype.trim`. */
const space = '[\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const leading = new RegExp(`^${space}+`);
const isSpace = new RegExp(`^${space}$`);

/** Returns the text without white space around it, as Go's `strings.TrimSpace` does. */
export function trimSpace(text: string): string {
  let end = text.length;
  // A loop from the end: a regular expression would restart at each run of spaces.
  while (end > 0 && isSpace.test(text[end - 1] ?? '')) end--;
  return text.slice(0, end).replace(leading, '');
}

/** Returns the shortest equivalent path, as Go's `filepath.Clean` does on Linux. */
export function cleanPath(path: string): string {
  const isRooted = path.startsWith('/');
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else if (!isRooted) parts.push('..');
  }
  const joined = parts.join('/');
  if (isRooted) return `/${joined}`;
  return joined === '' ? '.' : joined;
}
