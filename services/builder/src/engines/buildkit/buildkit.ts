import { errorRow, SlipwayError } from '@slipway/shared/errors';
import { untilAborted } from '@slipway/shared/lifecycle';
import { allowsPlainHttp, isLoopbackRegistry } from '@slipway/shared/registry-hosts';
import { folderContext, readIgnoreRules } from '@slipway/source';
import type { BuildEngine, BuildOutcome, BuildRequest, BuildRun, EngineContext } from '../engine.js';
import { insecureRegistry, registryOf } from '../insecure.js';
import { foreignPlatforms } from '../platform.js';
import { Connection } from './protocol/connection.js';
import { empty, listWorkersResponse } from './protocol/messages.js';
import { buildSecrets } from './session/build-secrets.js';
import { ContextListing } from './session/context-listing.js';
import { registryCredentials } from './session/credentials.js';
import { fileSync, requireFit } from './session/file-sync.js';
import { solve } from './solve.js';
import { solveRequestOf } from './solve-request.js';
import { isRecentEnough, minimumVersion } from './version.js';

interface BuildkitOptions extends Omit<EngineContext, 'takesSecrets'> {
  /** `unix://…` or `tcp://…` of the daemon. */
  readonly address: string;
  /** The image that makes SBOMs; without one there are none. */
  readonly sbomScanner: string | undefined;
  readonly warnings: readonly string[];
}

const checkTimeoutMs = 5_000;
/** The label of a worker that says `sandbox` or `no-sandbox` (worker/label/label.go of BuildKit). */
const processModeLabel = 'org.mobyproject.buildkit.worker.oci.process-mode';
const listWorkers = {
  path: '/moby.buildkit.v1.Control/ListWorkers',
  request: empty,
  response: listWorkersResponse,
};

/** Builds on a BuildKit daemon, here or elsewhere, through its gRPC API. */
export class BuildkitEngine implements BuildEngine {
  readonly name = 'buildkit';
  reported: BuildEngine['reported'];
  readonly loadsFrontends = true;
  readonly warnings: readonly string[];
  readonly #options: BuildkitOptions;
  #version: string | undefined;

  constructor(options: BuildkitOptions) {
    this.warnings = options.warnings;
    this.#options = options;
  }

  async check(): Promise<void> {
    const connection = new Connection(this.#options.address);
    const signal = AbortSignal.timeout(checkTimeoutMs);
    try {
      const { workers } = await untilAborted(connection.call(listWorkers, {}, signal), signal);
      if (workers.length === 0) throw new Error('it has no worker');
      this.#takeVersion(workers[0]?.version?.version ?? '');
      const isOpen = workers.some(({ labels }) => labels[processModeLabel] === 'no-sandbox');
      this.reported = isOpen ? 'buildkit-no-sandbox' : 'buildkit';
    } catch (error) {
      throw new SlipwayError('engine_unreachable', `BuildKit does not answer: ${(error as Error).message}`);
    } finally {
      connection.close();
    }
  }

  /** Throws when the daemon is too old. */
  #takeVersion(version: string): void {
    if (version === this.#version) return;
    const recent = isRecentEnough(version);
    const oldest = minimumVersion.join('.');
    if (recent === false) throw new Error(`${version} is older than ${oldest}: install a newer BuildKit`);
    if (recent === undefined)
      this.#options.logger.warn(`buildkitd does not report its version; ${oldest} is the oldest supported`);
    this.#version = version;
  }

  /** The daemon lives on: nothing here needs to be let go. */
  async close(): Promise<void> {}

  async build(request: BuildRequest, run: BuildRun): Promise<BuildOutcome> {
    const { stage = (_name, work) => work() } = run;
    try {
      return await stage('solve', () => this.#solve(request, run));
    } catch (error) {
      throw await this.#blame(error, run.signal);
    }
  }

  /** Returns the error of a build. While a daemon ends, steps, mounts and sessions fail in ways that look like the user's. */
  async #blame(error: unknown, signal: AbortSignal): Promise<unknown> {
    if (signal.aborted || !(error instanceof SlipwayError) || errorRow(error.code).fault !== 'user')
      return error;
    try {
      await this.check();
      return error;
    } catch {
      return new SlipwayError('builder_lost', `BuildKit ended during the build: ${error.message}`, {
        cause: error,
      });
    }
  }

  async #solve(request: BuildRequest, { signal, onLog }: BuildRun): Promise<BuildOutcome> {
    const isInsecure = (image: string) =>
      allowsPlainHttp(this.#options.insecureRegistries, registryOf(image));
    for (const image of [request.image, ...request.options.tags])
      if (request.push && !isInsecure(image) && isLoopbackRegistry(registryOf(image)))
        throw insecureRegistry(registryOf(image));
    const { sbomScanner } = this.#options;
    if (request.attestations.sbom && sbomScanner === undefined)
      throw new SlipwayError(
        'attestation_unsupported',
        'This builder has no BUILDER_SBOM_SCANNER to make an SBOM with.',
      );
    // BuildKit reports some wrong patterns only when it compares them, and without the line.
    const { texts } = await readIgnoreRules({
      context: folderContext(request.contextDir),
      dockerfile: request.options.dockerfile,
    });
    requireFit(texts);
    const connection = new Connection(this.#options.address);
    try {
      await untilAborted(connection.connected(), signal).catch((error: unknown) => {
        if (signal.aborted) throw error;
        throw new SlipwayError('engine_unreachable', `BuildKit does not answer: ${(error as Error).message}`);
      });
      const { dockerConfig, helperEnv, env, killGraceMs } = this.#options;
      const handlers = {
        ...fileSync({ folder: request.contextDir, listing: new ContextListing(request.contextDir) }),
        ...buildSecrets(request.secrets),
        ...registryCredentials({ dockerConfig, env: { ...helperEnv, ...env }, killGraceMs, signal }),
      };
      const { digest, bases } = await solve({
        ...{ connection, handlers, signal, onLog },
        asked: solveRequestOf({ request, isInsecure, sbomScanner }),
        isForeign: foreignPlatforms(request.platforms).length > 0,
      });
      return { digest: request.push ? digest() : undefined, bases: bases() };
    } finally {
      connection.close();
    }
  }
}
