import { formatDuration } from '@slipway/shared/formatting';

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

/** Returns the time since `time`: `4 min 2 s`. */
export const age = (time: string): string => formatDuration(Date.now() - Date.parse(time));
