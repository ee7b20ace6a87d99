import { readFileSync } from 'node:fs';

/** Returns the resident memory of a process, in MB. Linux only. */
export function rssMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const resident = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  if (!resident) throw new Error(`/proc/${pid}/status does not tell the resident memory`);
  return Number(resident[1]) / 1024;
}
