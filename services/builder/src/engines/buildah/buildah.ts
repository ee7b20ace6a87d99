import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheNamespaceArg } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Logger } from '@slipway/shared/logger';
import { epochOf, withoutEpoch } from '../../builds/epoch.js';
import { type ChildExit, runChild } from '../../process/child.js';
import { withMemoryFolder } from '../../secrets/memory.js';
import type { BuildEngine, BuildOutcome, BuildRequest, BuildRun } from '../engine.js';
import { engineError } from '../engine-error.js';
import { FailureText, textLines } from '../failure-text.js';
import { statusLine } from '../log-lines.js';
import { foreignPlatforms, ownPlatform } from '../platform.js';
import { cgroupParentOf, ownedContainers } from './containers.js';
import { BuildahLog } from './log.js';
import { registriesConf } from './registries-conf.js';
import { secretOptions } from './secrets.js';
import { Turns } from './turns.js';

interface BuildahOptions {
  /** For images and containers; undefined means where buildah keeps them by default. */
  readonly stateDir: string | undefined;
  readonly insecureRegistries: readonly string[];
  /** The folder that holds `config.json` with the registry credentials, if there is one. */
  readonly dockerConfig: string;
  /** Of the child processes; see `engineEnvironment`. */
  readonly env: Readonly<Record<string, string>>;
  readonly killGraceMs: number;
  readonly logger: Logger;
}

const shortCommandTimeoutMs = 15_000;

/** Builds with `buildah` on this machine, with no daemon: chroot isolation, layers cached in its storage. */
export class BuildahEngine implements BuildEngine {
  readonly name = 'buildah';
  readonly #options: BuildahOptions;
  /** Steps of builds at the same time can look into each other, so one that has secrets runs alone. */
  readonly #turns = new Turns();
  #containersFolder: string | undefined;

  constructor(options: BuildahOptions) {
    this.#options = options;
  }

  /** Makes it ready for builds. `isRunning` says of a build's id whether some process still has it in hand. */
  async prepare(isRunning: (build: string) => boolean): Promise<void> {
    if (this.#options.stateDir !== undefined) await mkdir(this.#options.stateDir, { recursive: true });
    const store = await this.#run(['info', '--format={{.store.GraphRoot}}\n{{.store.GraphDriverName}}']);
    const [root = '', driver = ''] = store.split('\n');
    this.#containersFolder = join(root, `${driver}-containers`);
    await this.#removeContainers((build) => !isRunning(build));
  }

  async check(): Promise<void> {
    await this.#run(['info', '--format={{.store.GraphRoot}}']);
  }

  /** buildah leaves a mount of its storage upon itself, without which the folder could not be removed. */
  async close(): Promise<void> {
    const { stateDir, env, killGraceMs } = this.#options;
    if (stateDir === undefined) return;
    const mount = join(stateDir, 'storage', 'overlay');
    const signal = AbortSignal.timeout(shortCommandTimeoutMs);
    // It fails where there is no such mount, or another process builds in the same storage.
    await runChild({ command: 'umount', args: ['--', mount], env, signal, killGraceMs });
  }

  async build(request: BuildRequest, run: BuildRun): Promise<BuildOutcome> {
    const { signal, onLog, stage = (_name, work) => work() } = run;
    const [foreign] = foreignPlatforms(request.platforms);
    // buildah 1.28 takes cached layers of one platform for those of another, and pushes what does not run.
    if (foreign !== undefined) {
      throw new SlipwayError(
        'platform_unsupported',
        `This builder builds ${ownPlatform} alone, not ${foreign}.`,
      );
    }
    if (request.attestations.sbom || request.attestations.provenance) {
      throw new SlipwayError(
        'attestation_unsupported',
        'This builder uses buildah, which makes no attestations.',
      );
    }
    const { options, env } = secretOptions(request.secrets);
    const log = new BuildahLog({ onLog, now: () => new Date() });
    const step = { request, signal, log };
    const imageFile = join(request.scratchDir, 'image');
    try {
      await writeFile(
        registriesFile(request),
        registriesConf(this.#options.insecureRegistries.filter((host) => host !== '*')),
      );
      const args = [
        ...(await this.#buildArguments(request, imageFile)),
        ...options,
        '--',
        request.contextDir,
      ];
      const build = { ...step, stage: 'build', args } as const;
      const isSecret = request.secrets.size > 0;
      const built = await stage('bud', async () => {
        await this.#turns.take({
          alone: isSecret,
          signal,
          onWait: () =>
            onLog(statusLine(new Date(), 'waiting for other builds: one that has secrets runs alone')),
          work: () =>
            // From version 1.38 on buildah writes what a step mounts into its folder for temporary files, before that into /dev/shm.
            isSecret
              ? withMemoryFolder((folder) => this.#step({ ...build, env: { ...env, TMPDIR: folder } }))
              : this.#step(build),
        });
        return { digest: undefined };
      });
      if (!request.push) return built;
      const image = (await readFile(imageFile, 'utf8')).trim();
      const digestFile = join(request.scratchDir, 'digest');
      log.begin(`pushing ${request.image}`);
      const target = ['--', image, `docker://${request.image}`];
      const pushing = ['push', ...this.#tlsOptions(), `--digestfile=${digestFile}`, ...target];
      return await stage('push', async () => {
        await this.#step({ ...step, stage: 'push', args: pushing });
        return { digest: (await readFile(digestFile, 'utf8')).trim() };
      });
    } finally {
      await this.#removeContainers((build) => build === request.id);
    }
  }

  async #buildArguments(request: BuildRequest, imageFile: string): Promise<string[]> {
    const dockerfile = join(request.contextDir, 'Dockerfile');
    const epoch = epochOf(request.buildArgs);
    if (epoch !== undefined && !/^\d{1,11}$/.test(epoch)) {
      throw new SlipwayError('build_failed', 'SOURCE_DATE_EPOCH is not a number of seconds since 1970.');
    }
    // buildah warns of arguments that the Dockerfile does not know, and every build has this one.
    const knowsEpoch = (await readFile(dockerfile, 'utf8')).includes('SOURCE_DATE_EPOCH');
    const { [cacheNamespaceArg]: _ofBuildkit, ...given } = request.buildArgs;
    const buildArgs = knowsEpoch ? given : withoutEpoch(given);
    return [
      ...fixedArguments,
      ...this.#tlsOptions(),
      ...(epoch === undefined ? [] : [`--timestamp=${epoch}`]),
      `--cgroup-parent=${cgroupParentOf(request.id)}`,
      `--iidfile=${imageFile}`,
      `--file=${dockerfile}`,
      ...Object.entries(buildArgs).map(([key, value]) => `--build-arg=${key}=${value}`),
    ];
  }

  /** Hosts on the allowlist are in registries.conf, where there is no way to say all. */
  #tlsOptions(): string[] {
    return this.#options.insecureRegistries.includes('*') ? ['--tls-verify=false'] : [];
  }

  async #step({ request, signal, log, stage, args, env }: StepOptions): Promise<void> {
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
      args,
      signal,
      env: { CONTAINERS_REGISTRIES_CONF: registriesFile(request), TMPDIR: request.scratchDir, ...env },
      onStdout: (chunk) => out.push(chunk),
      onStderr: (chunk) => err.push(chunk),
    });
    out.end();
    err.end();
    log.end();
    if (exit.code !== 0) throw failure({ exit, stage, said, printed });
  }

  async #removeContainers(choose: (build: string) => boolean): Promise<void> {
    if (this.#containersFolder === undefined) return;
    try {
      const left = (await ownedContainers(this.#containersFolder)).filter(({ build }) => choose(build));
      if (left.length > 0) await this.#run(['rm', '--', ...left.map(({ id }) => id)]);
    } catch (error) {
      // The build's own outcome counts more; the next start of this process tries again.
      this.#options.logger.error({ err: error }, 'working containers could not be removed');
    }
  }

  /** Runs a short command and returns what it printed. Rejects with `builder_unreachable` when it fails. */
  async #run(args: readonly string[]): Promise<string> {
    const chunks: Buffer[] = [];
    const said = new FailureText({ prefix: 'Error: ' });
    const err = textLines((line) => said.add(line));
    let exit: ChildExit;
    try {
      exit = await this.#spawn({
        args,
        signal: AbortSignal.timeout(shortCommandTimeoutMs),
        onStdout: (chunk) => chunks.push(chunk),
        onStderr: (chunk) => err.push(chunk),
      });
    } catch (error) {
      throw new SlipwayError('builder_unreachable', `buildah does not run: ${(error as Error).message}`);
    }
    err.end();
    if (exit.code !== 0)
      throw new SlipwayError('builder_unreachable', `buildah does not run: ${said.message()}`);
    return Buffer.concat(chunks).toString().trim();
  }

  #spawn({ args, env: more, ...child }: SpawnOptions): Promise<ChildExit> {
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

interface StepOptions {
  readonly request: BuildRequest;
  readonly signal: AbortSignal;
  readonly log: BuildahLog;
  readonly stage: 'build' | 'push';
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface SpawnOptions {
  readonly args: readonly string[];
  readonly signal: AbortSignal;
  /** Beside what every child gets. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onStdout: (chunk: Buffer) => void;
  readonly onStderr: (chunk: Buffer) => void;
}

function registriesFile({ scratchDir }: BuildRequest): string {
  return join(scratchDir, 'registries.conf');
}

/** Values stand behind `--option=`, and what is no option behind `--`. */
const fixedArguments = [
  'build',
  '--isolation=chroot',
  '--layers',
  // Otherwise any image in the storage could be built upon, whoever pulled it.
  '--pull=always',
  '--http-proxy=false',
];

interface FailureOptions {
  readonly exit: ChildExit;
  readonly stage: 'build' | 'push';
  readonly said: FailureText;
  readonly printed: FailureText;
}

function failure({ exit, stage, said, printed }: FailureOptions): SlipwayError {
  if (exit.signal !== null) return new SlipwayError('builder_lost', `buildah was ended by ${exit.signal}.`);
  return engineError({ message: said.message(), stage, output: printed.lines(), foreignPlatform: false });
}
