import { formatDuration } from './duration.js';

/** `just now`, `4 min ago`, `in 20 s`: one unit, as people say it. Both are milliseconds since 1970. */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < 5_000) return 'just now';
  const said = oneUnit(distance);
  return at > now ? `in ${said}` : `${said} ago`;
}

/** Date and time in the reader's own zone and manner. */
export function absoluteTime(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

function oneUnit(ms: number): string {
  const [much = '', unit = ''] = formatDuration(Math.max(ms, 10_000)).split(' ');
  return `${much} ${unit}`;
}
