import type { Screen } from '../terminal/terminal.js';
import { shown } from '../terminal/text.js';

/** Matches `v: 2022-06-23T09:10:12Z [ship 15/16] RUN npm test 0.35s`: a step (v), status of the engine (s), or output of the step (l). */
const builderLine = /^([vsl]): \d{4}-\d\d-\d\dT[\d:.]+Z ?(.*)$/s;

/**
 * Returns a line of a log for the screen. A file or program gets it unchanged. A terminal gets it without timestamp and without
 * control sequences, with steps set off from their output.
 */
export function logText(screen: Screen, text: string): string {
  if (!screen.isTty) return text;
  const [, kind, rest = ''] = builderLine.exec(text) ?? [];
  switch (kind) {
    case 'v':
      return screen.style(/^ERROR\b/.test(rest) ? 'red' : 'cyan', shown(rest));
    case 's':
      return screen.style('dim', `  ${shown(rest)}`);
    case 'l':
      return `  ${shown(rest)}`;
    default:
      return shown(text);
  }
}

export const attemptLine = (screen: Screen, attempt: number): string =>
  screen.style('dim', `--- attempt ${attempt} ---`);
