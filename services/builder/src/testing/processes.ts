import { readdirSync, readFileSync } from 'node:fs';

/** The ids of the processes, zombies aside, whose command line is or holds these words in a row. */
export function processesWith(...words: string[]): string[] {
  return processesShowing('cmdline', words.join('\0'));
}

/** The ids of the processes, this one and zombies aside, that show a text in a file of `/proc`. */
export function processesShowing(file: 'cmdline' | 'environ', text: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && pid !== String(process.pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(text);
      } catch {
        return false; // It ended meanwhile.
      }
    });
}
