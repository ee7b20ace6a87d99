import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../../../.cache/bin/buildkit-images', import.meta.url));

interface Question {
  readonly dockerfile: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly target?: string | undefined;
  readonly platform?: string;
}

interface Answer {
  /** The error in the Dockerfile; empty for a valid one. */
  readonly error: string;
  /** The images that the build requests from registries, sorted, each once. */
  readonly images: readonly string[];
}

export interface Buildkit {
  /** Asks BuildKit's own frontend. */
  ask(question: Question): Promise<Answer>;
  close(): void;
}

/** Starts the program that reads Dockerfiles with BuildKit's own frontend. */
export function startBuildkit(): Buildkit {
  if (!existsSync(program))
    throw new Error('buildkit-images is missing: node scripts/setup.mjs --engines=all');
  const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(question) {
      child.stdin.write(`${JSON.stringify({ platform: 'linux/amd64', ...question })}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`buildkit-images ended at ${JSON.stringify(question)}`);
      return JSON.parse(value) as Answer;
    },
    close: () => child.stdin.end(),
  };
}
