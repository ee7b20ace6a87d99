import { findTool } from '@slipway/local';
import { type RunningProgram, startProgram } from '../program.js';
import type { Target } from './target.js';
import { sdkClient } from './tools.js';

/**
 * Who publishes a `stack.yaml`: the Go SDK, which is what faas-cli does it with, and faas-cli itself where it is on PATH. It
 * is no module that the Go toolchain could fetch, so the setup cannot build it.
 */
export const publishers: readonly string[] = [
  'the Go SDK',
  ...(findTool('faas-cli') === undefined ? [] : ['faas-cli']),
];

interface PublishOptions extends Target {
  /** Of `publishers`. */
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

/** The images that are said to have been built and pushed, in order of their names. */
export const publishedImages = (said: string): string[] =>
  [...said.matchAll(/ success building and pushing image: (\S+)$/gm)].map(([, image = '']) => image).sort();
