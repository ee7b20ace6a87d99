import type { CSSProperties } from 'react';
import type { Span, TextStyle } from './ansi.js';
import styles from './log-text.module.css';
import type { Match } from './search.js';

interface LogTextProps {
  readonly spans: readonly Span[];
  /** Matches in this line, ascending. */
  readonly matches: readonly Pick<Match, 'start' | 'end'>[];
  /** The current match, if it is in this line. */
  readonly current: Pick<Match, 'start' | 'end'> | undefined;
}

/** The text of a line in its colours, with search matches marked. React escapes the text, so it cannot inject markup. */
export function LogText({ spans, matches, current }: LogTextProps) {
  return cut(spans, matches).map(({ text, style, match, at }) => {
    const { className, colours } = looks(style);
    const shown = (
      <span key={at} className={className} style={colours}>
        {text}
      </span>
    );
    if (!match) return shown;
    return (
      <mark key={at} className={match.start === current?.start ? styles.current : styles.match}>
        {shown}
      </mark>
    );
  });
}

interface Piece extends Span {
  readonly at: number;
  readonly match: Pick<Match, 'start' | 'end'> | undefined;
}

/** Splits spans where matches begin and end. */
function cut(spans: readonly Span[], matches: LogTextProps['matches']): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const { text, style } of spans) {
    const end = at + text.length;
    let from = at;
    while (from < end) {
      const match = matches.find((each) => each.end > from);
      const inside = match && match.start <= from;
      const to = Math.min(end, match ? (inside ? match.end : match.start) : end);
      pieces.push({
        at: from,
        text: text.slice(from - at, to - at),
        style,
        match: inside ? match : undefined,
      });
      from = to;
    }
    at = end;
  }
  return pieces;
}

function looks({ fg, bg, bold, dim, italic, underline, inverse }: TextStyle) {
  const [ink, ground] = inverse ? [bg, fg ?? 7] : [fg, bg];
  const className = [
    bold && styles.bold,
    dim && styles.dim,
    italic && styles.italic,
    underline && styles.underline,
    ink !== undefined && styles.ink,
    ground !== undefined && styles.ground,
  ]
    .filter(Boolean)
    .join(' ');
  const colours: Record<string, string> = {};
  if (ink !== undefined) colours['--ink'] = colourOf(ink);
  if (ground !== undefined) colours['--ground-of-text'] = colourOf(ground);
  return { className: className || undefined, colours: colours as CSSProperties };
}

const colourOf = (colour: number | string) => (typeof colour === 'number' ? `var(--ansi-${colour})` : colour);
