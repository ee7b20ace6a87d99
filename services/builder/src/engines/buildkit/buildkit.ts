import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorRow, SlipwayError } from '@slipway/shared/errors';
import { type ChildExit, LineSplitter, runChild } from '@slipway/shared/processes';
import { allowsPlainHttp, isLoopbackRegistry } from '@slipway/shared/registry-hosts';
import { folderContext, readIgnoreRules } from '@slipway/source';
import { MemoryFiles } from '../../secrets/memory.js';
import type { BuildEngine, BuildOutcome, BuildRequest, BuildRun, EngineContext } from '../engine.js';
import { engineError } from '../engine-error.js';
import { FailureText } from '../failure-text.js';
import { insecureRegistry, registryOf } from '../insecure.js';
import { foreignPlatforms } from '../platform.js';
import { buildArguments, sourceDenied, sourcePolicyOf } from './commands.js';
import { BuildkitProgress } from './progress.js';
import { isRecentEnough, minimumVersion } from './version.js';

interface BuildkitOptions extends Omit<EngineContext, 'logger' | 'takesSecrets'> {
  /** `unix://…` or `tcp://…` of the daemon. */
  readonly address: string;
  /** The image that makes SBOMs; without one there are none. */
  readonly sbomScanner: string | undefined;
  readonly warnings: readonly string[];
}

/** A progress event carries a piece of output in base64; longer ones than this are left out of the log. */
const maxEventBytes = 4 * 1024 * 1024;
const checkTimeoutMs = 5_000;
/** Prints `sandbox` or `no-sandbox` for each worker (worker/label/label.go of BuildKit). */
const processModes =
  '{{range .}}{{index .Labels "org.mobyproject.buildkit.worker.oci.process-mode"}}{{"\\n"}}{{end}}';

/** Builds through `buildctl` on a BuildKit daemon, here or elsewhere. */
export class BuildkitEngine implements BuildEngine {
  readonly name = 'buildkit';
  reported: BuildEngine['reported'];
  readonly loadsFrontends = true;
  readonly warnings: readonly string[];
  readonly #options: BuildkitOptions;

  constructor(options: BuildkitOptions) {
    this.warnings = options.warnings;
    this.#options = options;
  }

  /** The version that `buildctl` says. Throws when it is missing or too old; undefined when it says none. */
  async version(): Promise<string | undefined> {
    const { exit, output } = await this.#run(['--version']);
    const text = output.lines().join(' ').trim();
    if (exit.code !== 0) throw new Error(`buildctl does not run: ${text}`);
    const recent = isRecentEnough(text);
    if (recent === false)
      throw new Error(`${text} is older than ${minimumVersion.join('.')}: install a newer BuildKit`);
    return recent ? text : undefined;
  }

  async check(): Promise<void> {
    let failure: string;
    try {
      const { exit, output } = await this.#run(['debug', 'workers', '--format', processModes]);
      if (exit.code === 0) {
        this.reported = output.lines().includes('no-sandbox') ? 'buildkit-no-sandbox' : 'buildkit';
        return;
      }
      failure = output.message();
    } catch (error) {
      failure = (error as Error).message;
    }
    throw new SlipwayError('engine_unreachable', `BuildKit does not answer: ${failure}`);
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
    await readIgnoreRules({
      context: folderContext(request.contextDir),
      dockerfile: request.options.dockerfile,
    });
    const metadataFile = join(request.scratchDir, 'metadata.json');
    const policyFile = await writePolicy(request);
    const said = new FailureText({ prefix: 'error: ' });
    const printed = new FailureText({ prefix: '' });
    const progress = new BuildkitProgress({ onLog, onOutput: (line) => printed.add(line) });
    const events = new LineSplitter({
      maxBytes: maxEventBytes,
      onLine: (line) => {
        if (!progress.take(line)) said.add(line);
      },
    });
    const files = new MemoryFiles();
    let exit: ChildExit;
    try {
      for (const secret of request.secrets.values()) files.add(secret.reveal());
      exit = await this.#spawn({
        args: buildArguments({ request, metadataFile, policyFile, isInsecure, sbomScanner }),
        descriptors: files.descriptors,
        signal,
        onStderr: (chunk) => events.push(chunk),
      });
    } finally {
      files.close();
    }
    events.end();
    if (exit.code !== 0) throw failure({ exit, said, printed, request, isPushing: progress.isPushing });
    return { digest: request.push ? await pushedDigest(metadataFile) : undefined };
  }

  /** Runs a short command, for its output. */
  async #run(args: readonly string[]): Promise<{ exit: ChildExit; output: FailureText }> {
    const output = new FailureText({ prefix: 'error: ' });
    const lines = new LineSplitter({ maxBytes: 4096, onLine: (line) => output.add(line) });
    const push = (chunk: Buffer) => lines.push(chunk);
    const signal = AbortSignal.timeout(checkTimeoutMs);
    const exit = await this.#spawn({ args, signal, onStdout: push, onStderr: push });
    lines.end();
    return { exit, output };
  }

  #spawn(child: {
    readonly args: readonly string[];
    readonly descriptors?: readonly number[];
    readonly signal: AbortSignal;
    readonly onStdout?: (chunk: Buffer) => void;
    readonly onStderr: (chunk: Buffer) => void;
  }): Promise<ChildExit> {
    const { address, dockerConfig, configDir, killGraceMs } = this.#options;
    // buildctl makes the folder where it is missing, which it may not be allowed to.
    const credentials = existsSync(dockerConfig) ? dockerConfig : configDir;
    // buildctl runs the credential helpers. Steps run in the daemon and do not see this environment.
    const env = { ...this.#options.helperEnv, ...this.#options.env, DOCKER_CONFIG: credentials };
    return runChild({
      ...child,
      args: ['--addr', address, ...child.args],
      command: 'buildctl',
      env,
      killGraceMs,
    });
  }
}

/** Writes the source policy of a build, where it has one. Returns the path of the file. */
async function writePolicy({ buildArgs, scratchDir }: BuildRequest): Promise<string | undefined> {
  const policy = sourcePolicyOf(buildArgs);
  if (policy === undefined) return undefined;
  const file = join(scratchDir, 'source-policy.json');
  await writeFile(file, policy);
  return file;
}

interface FailureOptions {
  readonly exit: ChildExit;
  readonly said: FailureText;
  readonly printed: FailureText;
  readonly request: BuildRequest;
  readonly isPushing: boolean;
}

function failure({ exit, said, printed, request, isPushing }: FailureOptions): SlipwayError {
  if (exit.signal !== null) return new SlipwayError('builder_lost', `buildctl was ended by ${exit.signal}.`);
  const denied = sourceDenied(said.message());
  if (denied) return denied;
  return engineError({
    message: said.message(),
    stage: isPushing ? 'push' : 'build',
    output: printed.lines(),
    foreignPlatform: foreignPlatforms(request.platforms).length > 0,
  });
}

async function pushedDigest(metadataFile: string): Promise<string> {
  const metadata: unknown = JSON.parse(await readFile(metadataFile, 'utf8'));
  const digest = (metadata as Record<string, unknown>)['containerimage.digest'];
  if (typeof digest !== 'string')
    throw new SlipwayError('builder_protocol', 'BuildKit named no digest of the image.');
  return digest;
}
