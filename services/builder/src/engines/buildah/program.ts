import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SlipwayError } from '@slipway/shared/errors';
import { type ChildExit, type ChildOptions, runChild } from '@slipway/shared/processes';
import type { EngineContext } from '../engine.js';
import { FailureText, textLines } from '../failure-text.js';
import { failure } from './commands.js';
import type { BuildahLog } from './log.js';

interface ProgramOptions extends Pick<EngineContext, 'dockerConfig' | 'env' | 'killGraceMs'> {
  /** For images and containers; undefined means where buildah keeps them by default. */
  readonly stateDir: string | undefined;
}

interface CommandOptions {
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  /** Added to the environment of every command. */
  readonly env?: Readonly<Record<string, string>>;
}

interface StepOptions extends CommandOptions {
  readonly log: BuildahLog;
  readonly stage: 'build' | 'push';
}

export const shortCommandTimeoutMs = 15_000;

/** Runs the program `buildah` with the storage and credentials of an engine. */
export class BuildahProgram {
  readonly #options: ProgramOptions;

  constructor(options: ProgramOptions) {
    this.#options = options;
  }

  /** Runs a command whose output is a part of a build's log. Rejects with the error of the build when it fails. */
  async step({ log, stage, ...command }: StepOptions): Promise<void> {
    const said = new FailureText({ prefix: 'Error: ' });
    const printed = new FailureText({ prefix: '' });
    const out = textLines((line) => {
      printed.add(line);
      log.take(line);
    });
    const err = textLines((line) => {
      said.add(line);
      printed.add(line);
      log.take(line);
    });
    const exit = await this.#spawn({
      ...command,
      onStdout: (chunk) => out.push(chunk),
      onStderr: (chunk) => err.push(chunk),
    });
    out.end();
    err.end();
    log.end();
    if (exit.code !== 0) throw failure({ exit, stage, said, printed });
  }

  /** Returns the output of a command on the machine's own images. Rejects with the error of the build when it fails. */
  async output(command: CommandOptions): Promise<string> {
    const { exit, printed, said } = await this.capture(command);
    if (exit.code !== 0)
      throw failure({ exit, stage: 'build', said, printed: new FailureText({ prefix: '' }) });
    return printed;
  }

  /** Runs a command to its end. Returns its exit and its output. */
  async capture(command: CommandOptions): Promise<{ exit: ChildExit; printed: string; said: FailureText }> {
    const chunks: Buffer[] = [];
    const said = new FailureText({ prefix: 'Error: ' });
    const err = textLines((line) => said.add(line));
    const exit = await this.#spawn({
      ...command,
      onStdout: (chunk) => chunks.push(chunk),
      onStderr: (chunk) => err.push(chunk),
    });
    err.end();
    return { exit, printed: Buffer.concat(chunks).toString(), said };
  }

  /** Runs a short command and returns what it printed. Rejects with `engine_unreachable` when it fails. */
  async run(args: readonly string[]): Promise<string> {
    const { exit, printed, said } = await this.capture({
      args,
      signal: AbortSignal.timeout(shortCommandTimeoutMs),
    }).catch((error: Error) => {
      throw new SlipwayError('engine_unreachable', `buildah does not run: ${error.message}`);
    });
    if (exit.code !== 0)
      throw new SlipwayError('engine_unreachable', `buildah does not run: ${said.message()}`);
    return printed.trim();
  }

  #spawn({
    args,
    env: more,
    ...child
  }: CommandOptions & Pick<ChildOptions, 'onStdout' | 'onStderr'>): Promise<ChildExit> {
    const { stateDir, dockerConfig, env, killGraceMs } = this.#options;
    const storage =
      stateDir === undefined
        ? []
        : [`--root=${join(stateDir, 'storage')}`, `--runroot=${join(stateDir, 'run')}`];
    const credentials = join(dockerConfig, 'config.json');
    return runChild({
      ...child,
      command: 'buildah',
      args: [...storage, ...args],
      env: {
        ...env,
        ...(existsSync(credentials) && { REGISTRY_AUTH_FILE: credentials }),
        ...more,
      },
      killGraceMs,
    });
  }
}
