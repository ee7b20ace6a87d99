import { setTimeout as sleep } from 'node:timers/promises';
import { isRunning, type ProcessIdentity } from './process-identity.js';

const pollMs = 50;

/**
 * Stops the processes that a killed run left behind; each leads its own process group. The group gets SIGTERM, then SIGKILL
 * after `graceMs`. Returns the processes that were still running.
 */
export async function stopLeftovers<P extends ProcessIdentity>(
  parts: readonly P[],
  { graceMs = 5_000 }: { graceMs?: number } = {},
): Promise<P[]> {
  const stopped: P[] = [];
  for (const part of parts.toReversed()) {
    if (!(await isRunning(part))) continue;
    stopped.push(part);
    signalGroup(part.pid, 'SIGTERM');
    const deadline = Date.now() + graceMs;
    while (Date.now() < deadline && (await isRunning(part))) await sleep(pollMs);
    signalGroup(part.pid, 'SIGKILL');
    while (await isRunning(part)) await sleep(pollMs);
  }
  return stopped;
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
