import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

interface RunOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Receives the script's standard error. */
  readonly note: (text: string) => void;
  readonly timeoutMs: number;
}

/** Runs a program to its end. Resolves to its parsed output. */
export async function runScript({ command, args, note, timeoutMs }: RunOptions): Promise<unknown> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  createInterface({ input: child.stderr }).on('line', note);
  const timer = setTimeout(() => child.kill('SIGTERM'), timeoutMs);
  const output = child.stdout.toArray();
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  clearTimeout(timer);
  if (code !== 0) throw new Error(`the script in its own namespace ended with ${code}`);
  return JSON.parse(Buffer.concat(await output).toString('utf8'));
}
