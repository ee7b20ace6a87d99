import { parseBuilderLine } from '@slipway/shared/formatting';
import type { Screen } from '../terminal/terminal.js';
import { shown } from '../terminal/text.js';

/**
 * Returns a line of a log for the screen. A file or program gets it unchanged. A terminal gets it without timestamp and without
 * control sequences, with steps set off from their output.
 */
export function logText(screen: Screen, text: string): string {
  if (!screen.isTty) return text;
  const line = parseBuilderLine(text);
  if (!line) return shown(text);
  switch (line.kind) {
    case 'step':
      return screen.style(/^ERROR\b/.test(line.text) ? 'red' : 'cyan', shown(line.text));
    case 'status':
      return screen.style('dim', `  ${shown(line.text)}`);
    case 'output':
      return `  ${shown(line.text)}`;
  }
}

export const attemptLine = (screen: Screen, attempt: number): string =>
  screen.style('dim', `--- attempt ${attempt} ---`);
