import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuilderResult } from '@slipway/shared/contracts';
import { toProblem } from '@slipway/shared/errors';
import type { BuildEngine } from '../engines/engine.js';
import { checkFrontendOf, type ReceivedBuild } from './receive.js';

interface RunOptions {
  readonly id: string;
  readonly build: ReceivedBuild;
  /** The folder that the build was received in. */
  readonly folder: string;
  readonly engine: BuildEngine;
  readonly allowedFrontends: readonly string[];
  readonly signal: AbortSignal;
  readonly onLog: (line: string) => void;
}

export interface RunResult {
  /** What the client is told at the end. */
  readonly result: BuilderResult;
  /** What went wrong, with its inside. */
  readonly error: unknown;
}

/** Runs a build to its end. Never rejects: a build that fails is a result too. */
export async function runBuild(options: RunOptions): Promise<RunResult> {
  const { id, build, folder, engine, allowedFrontends, signal, onLog } = options;
  const { image, buildArgs, platforms, push } = build.config;
  const started = performance.now();
  const duration = () => Math.round(performance.now() - started) / 1000;
  try {
    await checkFrontendOf(build, allowedFrontends);
    const scratchDir = join(folder, 'scratch');
    await mkdir(scratchDir);
    const request = { id, contextDir: build.contextDir, scratchDir, image, buildArgs, platforms, push };
    const { digest } = await engine.build(request, { signal, onLog });
    const result = { status: 'success', image, ...(digest && { digest }), duration: duration() } as const;
    return { result, error: undefined };
  } catch (error) {
    const { code, detail } = toProblem(error);
    return { result: { status: 'failed', image, error: detail, code, duration: duration() }, error };
  }
}
