import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Returns the milliseconds of processor time that processes and all their threads have used. Linux only. */
export function cpuMs(pids: readonly number[]): number {
  const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK']));
  const ticks = pids.map((pid) => {
    // The name is in brackets and may hold any character. The text after it begins with the third field.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  });
  return (ticks.reduce((sum, each) => sum + each, 0) * 1000) / ticksPerSecond;
}
