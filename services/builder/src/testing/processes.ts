import { readdirSync, readFileSync } from 'node:fs';

/** The ids of the processes, zombies aside, whose command line is or holds these words in a row. */
export function processesWith(...words: string[]): string[] {
  const text = words.join('\0');
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && pid !== String(process.pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
      } catch {
        return false; // It ended meanwhile.
      }
    });
}
