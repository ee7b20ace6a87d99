import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { IgnoreRules } from './rules.js';
import { walkContext } from './walk.js';

const program = fileURLToPath(new URL('../../../../.cache/bin/moby-ignore', import.meta.url));

interface Answer {
  /** The error in the file; empty for a valid one. */
  readonly error: string;
  /** The paths that Docker sends, folders included, sorted by their bytes. */
  readonly kept: readonly string[] | null;
}

export interface Moby {
  /** Asks Docker's own libraries. A path that ends in `/` is an empty folder. */
  ask(file: string, paths: readonly string[]): Promise<Answer>;
  close(): void;
}

/** Starts the program that applies ignore files with Docker's own libraries. */
export function startMoby(): Moby {
  if (!existsSync(program)) throw new Error('moby-ignore is missing: node scripts/setup.mjs --engines=all');
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(file, paths) {
      child.stdin.write(`${JSON.stringify({ file, paths })}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`moby-ignore ended at ${JSON.stringify({ file, paths })}`);
      return JSON.parse(value) as Answer;
    },
    close: () => child.stdin.end(),
  };
}

/** Returns the paths of a context that rules keep, including folders, sorted by bytes. The context is on the real disk. */
export async function keptPaths(rules: IgnoreRules, paths: readonly string[]): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-ignore-'));
  try {
    for (const path of paths) {
      const place = join(folder, path);
      mkdirSync(path.endsWith('/') ? place : dirname(place), { recursive: true });
      if (!path.endsWith('/')) writeFileSync(place, '');
    }
    const kept: string[] = [];
    await walkContext({
      folder,
      rules,
      onEntry: (path, _entry, isKept) => {
        if (isKept) kept.push(path);
      },
    });
    return kept.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
