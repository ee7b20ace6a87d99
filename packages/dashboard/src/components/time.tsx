import { formatDuration } from '../format/duration.js';
import { absoluteTime, relativeTime } from '../format/time.js';
import { useNow } from '../format/use-now.js';

/** A moment as seen from now, with date and time when pointed at. `at`: RFC 3339. */
export function Time({ at }: { at: string }) {
  const now = useNow();
  const moment = Date.parse(at);
  return (
    <time dateTime={at} title={absoluteTime(moment)}>
      {relativeTime(moment, now)}
    </time>
  );
}

/** How long something took, or has taken until now while `to` is undefined. RFC 3339. */
export function Elapsed({ from, to }: { from: string; to: string | undefined }) {
  const now = useNow();
  return (
    <span className="numbers">
      {formatDuration((to === undefined ? now : Date.parse(to)) - Date.parse(from))}
    </span>
  );
}
