import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** The offset of a clock, in the form of libfaketime: `+1h`, `-100d`. */
export type ClockOffset = `${'+' | '-'}${number}${'h' | 'd'}`;

/**
 * Returns the environment that moves the wall clock of a process with Debian's libfaketime. Its monotonic clock and the times of files stay right, as on
 * a machine with a wrong time and a shared disk.
 */
export async function clockOff(offset: ClockOffset): Promise<Record<string, string>> {
  // The program knows where its library is.
  const { stdout } = await promisify(execFile)('faketime', ['-f', offset, 'printenv', 'LD_PRELOAD']);
  return {
    LD_PRELOAD: stdout.trim(),
    FAKETIME: offset,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    NO_FAKE_STAT: '1',
  };
}

/** Returns an offset in seconds. */
export function secondsOf(offset: ClockOffset): number {
  return Number(offset.slice(0, -1)) * (offset.endsWith('h') ? 3_600 : 86_400);
}
