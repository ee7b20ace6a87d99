import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Returns a name for a temporary file: `<habitat>.<pid>.<random>`. A process id means nothing outside its PID namespace: services
 * in containers share a volume, and most of them are process 1. The habitat therefore names the PID namespace and the boot of the
 * machine. Only files of the same habitat are judged by their process id.
 */
export function temporaryName(): string {
  return `${habitat()}.${process.pid}.${randomBytes(9).toString('hex')}`;
}

/** Returns true if the name belongs to a dead process; `undefined` if this process cannot know. */
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
    // Not Linux: there are no PID namespaces to distinguish.
    return hostname().replace(/[^A-Za-z0-9-]/g, '-');
  }
}
