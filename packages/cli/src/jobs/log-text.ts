import type { Screen } from '../terminal/terminal.js';
import { shown } from '../terminal/text.js';

/** `v: 2022-06-23T09:10:12Z [ship 15/16] RUN npm test 0.35s`: a step (v), what the engine says (s), what the step prints (l). */
const builderLine = /^([vsl]): \d{4}-\d\d-\d\dT[\d:.]+Z ?(.*)$/s;

/**
 * A line of a log. A file or program gets it as it is; people get it without its timestamp, steps standing out from what they
 * print, and without anything that would speak to their terminal.
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
