import { findTool } from '@slipway/local';
import { type RunningProgram, startProgram } from '../program.js';
import type { Target } from './target.js';
import { sdkClient } from './tools.js';

/**
 * The programs that publish a `stack.yaml`: the Go SDK, which faas-cli uses, and faas-cli itself where it is on PATH. faas-cli
 * is not a module that the Go toolchain can fetch, so the setup cannot build it.
 */
export const publishers: readonly string[] = [
  'the Go SDK',
  ...(findTool('faas-cli') === undefined ? [] : ['faas-cli']),
];

interface PublishOptions extends Target {
  /** An entry of `publishers`. */
  readonly publisher: string;
  /** The folder of the `stack.yaml`. */
  readonly project: string;
  /** Builds at once. */
  readonly parallel: number;
}

/** Publishes every function of a project. */
export function publish(options: PublishOptions): RunningProgram {
  const { publisher, url, payloadSecret, project, parallel } = options;
  const program = publisher === 'faas-cli' ? (findTool('faas-cli') ?? publisher) : sdkClient();
  return startProgram(
    program,
    [
      ...['publish', '-f', 'stack.yaml', '--parallel', String(parallel)],
      ...['--remote-builder', url, '--payload-secret', payloadSecret],
    ],
    { cwd: project },
  );
}

/** Returns the images that the output reports as built and pushed, sorted by name. */
export const publishedImages = (said: string): string[] =>
  [...said.matchAll(/ success building and pushing image: (\S+)$/gm)].map(([, image = '']) => image).sort();
