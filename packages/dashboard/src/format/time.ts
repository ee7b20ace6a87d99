import { formatDuration } from './duration.js';

/** Formats the time relative to now with one unit: `just now`, `4 min ago`, `in 20 s`. Both are milliseconds since 1970. */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < 5_000) return 'just now';
  const said = oneUnit(distance);
  return at > now ? `in ${said}` : `${said} ago`;
}

/** Formats date and time in the reader's own time zone and locale. */
export function absoluteTime(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

function oneUnit(ms: number): string {
  const [much = '', unit = ''] = formatDuration(Math.max(ms, 10_000)).split(' ');
  return `${much} ${unit}`;
}
