import { inspect } from 'node:util';
import { visible } from '@slipway/client';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
type Env = Readonly<Record<string, string | undefined>>;

/** An output stream of the command line. Invisible characters in any text are escaped. */
export interface Screen {
  readonly isTty: boolean;
  /** Characters per line. */
  readonly columns: number;
  /** Number of visible lines. */
  readonly rows: number;
  write(text: string): void;
  line(text?: string): void;
  /** Returns the text in a style, or unchanged when colours are off. */
  style(style: Style, text: string): string;
}

/** Results go to `out`. Progress, build logs and errors go to `err`, so that `out` can be piped. */
export interface Terminal {
  readonly out: Screen;
  readonly err: Screen;
}

interface Stream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/** Returns true when NO_COLOR and FORCE_COLOR ask for colours, or without them when the stream is a terminal. */
function wantsColor(stream: Stream, env: Env): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && env.TERM !== 'dumb';
}

export function createScreen(stream: Stream, env: Env): Screen {
  const color = wantsColor(stream, env);
  return {
    isTty: stream.isTTY === true && env.TERM !== 'dumb',
    get columns() {
      return stream.columns ?? 80;
    },
    get rows() {
      return stream.rows ?? 24;
    },
    write: (text) => void stream.write(visible(text)),
    line: (text = '') => void stream.write(`${visible(text)}\n`),
    style(style, text) {
      const [on, off] = inspect.colors[style] ?? [0, 0];
      return color ? `\u001b[${on}m${text}\u001b[${off}m` : text;
    },
  };
}
