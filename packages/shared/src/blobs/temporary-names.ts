import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Names of temporary files: `<habitat>.<pid>.<random>`. A process id says nothing outside its own PID namespace (services
 * in containers share a volume, and most of them are process 1), so the habitat names that namespace and the boot of
 * the machine, and only files of one's own habitat are judged by whether their process lives.
 */
export function temporaryName(): string {
  return `${habitat()}.${process.pid}.${randomBytes(9).toString('hex')}`;
}

/** Whether the name is of a process known to be gone; `undefined` if that cannot be told from here. */
export function writerIsGone(name: string): boolean | undefined {
  const [where, pid] = name.split('.');
  if (where !== habitat() || pid === undefined) return undefined;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

let known: string | undefined;

function habitat(): string {
  known ??= readHabitat();
  return known;
}

function readHabitat(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
    const namespace = readlinkSync('/proc/self/ns/pid').replace(/\D/g, '');
    return `${boot}-${namespace}`;
  } catch {
    // Not Linux: there are no PID namespaces to tell apart.
    return hostname().replace(/[^A-Za-z0-9-]/g, '-');
  }
}
