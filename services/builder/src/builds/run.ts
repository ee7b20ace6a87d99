import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuilderResult } from '@slipway/shared/contracts';
import { toProblem } from '@slipway/shared/errors';
import type { Tracing } from '@slipway/shared/tracing';
import type { BuildEngine } from '../engines/engine.js';
import { BuildSecrets } from '../secrets/build-secrets.js';
import type { KeyRing } from '../secrets/key-ring.js';
import { withEpoch } from './epoch.js';
import { mustLoadFrontendFor, type ReceivedBuild } from './receive.js';

interface RunOptions {
  readonly id: string;
  readonly build: ReceivedBuild;
  /** The folder that the build was received in. */
  readonly folder: string;
  readonly engine: BuildEngine;
  readonly allowedFrontends: readonly string[];
  /** Left out where the builder has no key to open build secrets with. */
  readonly keyRing: KeyRing | undefined;
  /** Makes images depend on their source alone, unless the request overrides it. */
  readonly reproducible: boolean;
  readonly signal: AbortSignal;
  readonly onLog: (line: string) => void;
  readonly tracing: Tracing;
}

export interface RunResult {
  /** The result that the client receives at the end. */
  readonly result: BuilderResult;
  /** The original error, for the operator's log. */
  readonly error: unknown;
}

/** Runs a build to its end. Never rejects: a build that fails is a result too. */
export async function runBuild(options: RunOptions): Promise<RunResult> {
  const { id, build, folder, engine, allowedFrontends, keyRing, signal, onLog, tracing } = options;
  const { image, platforms, push, sbom, provenance } = build.config;
  const started = performance.now();
  const duration = () => Math.round(performance.now() - started) / 1000;
  let secrets: BuildSecrets | undefined;
  try {
    const loadsFrontend = await mustLoadFrontendFor(build, engine.loadsFrontends ? allowedFrontends : []);
    const opened = BuildSecrets.open({ sealed: build.sealed, keyRing });
    secrets = opened;
    const scratchDir = join(folder, 'scratch');
    await mkdir(scratchDir);
    const request = {
      ...{
        id,
        contextDir: build.contextDir,
        dockerfile: build.dockerfile,
        scratchDir,
        image,
        platforms,
        push,
        loadsFrontend,
      },
      buildArgs: options.reproducible ? withEpoch(build.config.buildArgs) : build.config.buildArgs,
      secrets: opened.values,
      options: build.config.options,
      attestations: { sbom, provenance },
    };
    const { digest, bases } = await engine.build(request, {
      signal,
      onLog: (line) => onLog(opened.mask(line)),
      stage: (name, work) =>
        tracing.span(
          { name: `${engine.name} ${name}`, attributes: { 'slipway.image': image } },
          async (span) => {
            const outcome = await work();
            span.set({ 'slipway.digest': outcome.digest });
            return outcome;
          },
        ),
    });
    const used = bases.length > 0 && { bases };
    const result = { status: 'success', image, ...(digest && { digest }), ...used } as const;
    return { result: { ...result, duration: duration() }, error: undefined };
  } catch (cause) {
    const error = secrets ? secrets.maskError(cause) : cause;
    const { code, detail } = toProblem(error);
    return { result: { status: 'failed', image, error: detail, code, duration: duration() }, error };
  } finally {
    secrets?.wipe();
  }
}
