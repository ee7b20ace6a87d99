import { formatDuration } from '@slipway/shared/formatting';
import type { Screen } from '../terminal/terminal.js';

export interface Steps {
  /** Prints a numbered heading, runs the work, and prints its duration. */
  run<T>(title: string, work: () => Promise<T>): Promise<T>;
  /** Prints a line below the step. */
  note(text: string): void;
}

const worthTellingMs = 100;

export function createSteps(screen: Screen): Steps {
  let number = 0;
  return {
    async run(title, work) {
      number++;
      screen.line(`\n${screen.style('bold', `${number}. ${title}`)}`);
      const begun = performance.now();
      const result = await work();
      const took = performance.now() - begun;
      if (took >= worthTellingMs) screen.line(screen.style('dim', `   ${formatDuration(took)}`));
      return result;
    },
    note: (text) => screen.line(`   ${text}`),
  };
}
