import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ProgramEnd, type RunningProgram, startProgram } from '../program.js';

const main = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));

/** The `slipway` command, as compiled, without a terminal. */
export const startCommand = (
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): RunningProgram => startProgram(process.execPath, [main, ...args], { env, cwd });

export const slipway = (
  args: readonly string[],
  env?: Readonly<Record<string, string>>,
  cwd?: string,
): Promise<ProgramEnd> => startCommand(args, env, cwd).ended;

/** The processes that run with `NAME=value` in their environment, which children inherit: `pid command line`. */
export function processesWith(variable: string): string[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
        if (!variables.includes(variable)) return [];
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')}`];
      } catch {
        // The process has ended in the meantime, or belongs to another user.
        return [];
      }
    });
}
