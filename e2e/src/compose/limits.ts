import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { bytes, type ComposeModel, root } from './model.js';

/** The memory limits of a service in `docker-compose.yml`. */
export interface MemoryLimits {
  /** `mem_limit`, in bytes. */
  readonly memoryBytes: number;
  /** The variables that bound memory: of the heap, of the C library and of git. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Reads the limits of a service from `docker-compose.yml`. Rejects when it has none. */
export async function memoryLimits(service: 'api' | 'worker'): Promise<MemoryLimits> {
  const text = await readFile(join(root, 'docker-compose.yml'), 'utf8');
  const { services } = parse(text, { merge: true }) as Pick<ComposeModel, 'services'>;
  const { environment, mem_limit } = services[service] ?? {};
  const nodeOptions = environment?.NODE_OPTIONS ?? '';
  if (!nodeOptions.includes('--max-old-space-size=')) throw new Error(`${service} has no limit of its heap`);
  const bounds = Object.entries(environment ?? {}).filter(([name]) =>
    /^(NODE_OPTIONS$|MALLOC_|GIT_)/.test(name),
  );
  return { memoryBytes: bytes(mem_limit), environment: Object.fromEntries(bounds) };
}
