import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { bytes, type ComposeModel, root } from './model.js';

/** The memory limits of a service in `docker-compose.yml`. */
export interface MemoryLimits {
  /** `NODE_OPTIONS`, which bound the heap. */
  readonly nodeOptions: string;
  /** `mem_limit`, in bytes. */
  readonly memoryBytes: number;
  /** Settings that bound git, of the services that have them. */
  readonly git: Readonly<Record<string, string>>;
}

/** Reads the limits of a service from `docker-compose.yml`. Rejects when it has none. */
export async function memoryLimits(service: 'api' | 'worker'): Promise<MemoryLimits> {
  const text = await readFile(join(root, 'docker-compose.yml'), 'utf8');
  const { services } = parse(text, { merge: true }) as Pick<ComposeModel, 'services'>;
  const { environment, mem_limit } = services[service] ?? {};
  const nodeOptions = environment?.NODE_OPTIONS ?? '';
  if (!nodeOptions.includes('--max-old-space-size=')) throw new Error(`${service} has no limit of its heap`);
  const git = Object.entries(environment ?? {}).filter(([name]) => name.startsWith('GIT_'));
  return { nodeOptions, memoryBytes: bytes(mem_limit), git: Object.fromEntries(git) };
}
