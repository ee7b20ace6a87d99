const esc = String.fromCharCode(27);
// Matches a control sequence, an operating system command (ended by BEL or ST), or a short escape.
const sequences = `${esc}(?:\\[[0-?]*[ -/]*[@-~]|\\][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)?|[ -/]*[0-~])`;
const unsafe = new RegExp(`${sequences}|[\\p{Cc}\\u2028\\u2029]`, 'gu');
const color = new RegExp(`^${esc}\\[[0-9;]*m$`, 'u');

/**
 * Returns text from a build that is safe for a terminal. Colours and tabs stay. Sequences that could move the cursor, set the
 * title or otherwise control the terminal are removed.
 */
export function shown(text: string): string {
  const clean = text.replace(unsafe, (found) => (found === '\t' || color.test(found) ? found : ''));
  // Resets colours at the end, so that they do not continue in the next line.
  return clean.includes(esc) ? `${clean}${esc}[0m` : clean;
}

/** Formats rows in columns as wide as their widest cell. The first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => width(row[at] ?? ''))));
  return rows.map((row) =>
    row
      .map((cell, at) => cell + ' '.repeat(Math.max(0, (widths[at] ?? 0) - width(cell))))
      .join('  ')
      .trimEnd(),
  );
}

/** Returns the text without styles. */
const plain = (text: string): string => text.replace(unsafe, '');

/** Returns the columns of the text on the screen. Styles take none. */
export const width = (text: string): number => [...plain(text)].length;

/** Returns the text clipped to a number of columns. Clipped text loses its styles. */
export const clip = (text: string, columns: number): string =>
  width(text) <= columns ? text : `${[...plain(text)].slice(0, columns - 1).join('')}…`;

/** Formats a duration: `850 ms`, `3.2 s`, `2 min 5 s`, `1 h 4 min`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
}

/** Formats bytes: `999 B`, `1.2 kB`, `34.5 MB` (powers of 1,000). */
export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 9.95 ? 1 : 0)} ${units[unit]}`;
}

/** Formats a count: `1 file`, `2 files`. */
export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** Returns a digest short enough for a table. */
export const shortDigest = (digest: string): string => digest.slice(0, 'sha256:'.length + 12);
