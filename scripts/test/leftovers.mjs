import { readdirSync, readFileSync } from 'node:fs';

/**
 * Ends every process that carries `variable=value` in its environment and returns what they were.
 * Children inherit their environment, so these are what a test run has left behind. Linux only: empty elsewhere.
 */
export function endLeftovers({ variable, value }) {
  if (process.platform !== 'linux') return [];
  const found = [];
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
      if (!variables.includes(`${variable}=${value}`)) continue;
      found.push(`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`);
      process.kill(Number(pid), 'SIGKILL');
    } catch (error) {
      // It ended meanwhile, or it is another user's and so none of ours.
      if (!['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code)) throw error;
    }
  }
  return found;
}
