import { readFile } from 'node:fs/promises';

/** A process, distinguished from a later process with the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Boot id and start time from the kernel; empty where they are unavailable. */
  readonly started: string;
}

/** Returns the identity of a running process, or undefined when no process has this id. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  if (!exists(pid)) return undefined;
  if (process.platform !== 'linux') return { pid, started: '' };
  try {
    const [boot, stat] = await Promise.all([
      readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
    ]);
    // proc_pid_stat(5): the name may contain any character and ends with the last parenthesis. State is field 3, starttime 22.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : { pid, started: `${boot.trim()} ${fields[19]}` };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Returns true while exactly this process runs. */
export async function isRunning(known: ProcessIdentity): Promise<boolean> {
  return (await identify(known.pid))?.started === known.started;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
