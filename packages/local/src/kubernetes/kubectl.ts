import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { requireKubernetesTool } from '../tools.js';

/** Runs `kubectl ARGUMENTS`, with `input` on its standard input. Resolves to its standard output; rejects with its standard error. */
export type Kubectl = (args: readonly string[], options?: { readonly input?: string }) => Promise<string>;

/** Returns a kubectl for the cluster and user of a kubeconfig file. */
export function createKubectl(kubeconfig: string): Kubectl {
  const command = requireKubernetesTool('kubectl');
  return async (args, { input = '' } = {}) => {
    const child = spawn(command, ['--kubeconfig', kubeconfig, ...args]);
    const ended = once(child, 'close');
    // A kubectl that refuses its arguments ends before it reads.
    child.stdin.on('error', () => undefined).end(input);
    const [output, problem, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code}:\n${problem}`);
    return output;
  };
}
