import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openSetting } from '@slipway/shared/config';
import { argumentRule, type Base } from '@slipway/shared/contracts';
import { baseImages as neededImages } from '@slipway/shared/dockerfile';
import { SlipwayError } from '@slipway/shared/errors';
import { makeFolder } from '@slipway/shared/folders';
import { runChild } from '@slipway/shared/processes';
import { allowsPlainHttp, withLoopbackNames } from '@slipway/shared/registry-hosts';
import { withMemoryFolder } from '../../secrets/memory.js';
import type { BuildEngine, BuildOutcome, BuildRequest, BuildRun, EngineContext } from '../engine.js';
import { registryOf } from '../insecure.js';
import { statusLine } from '../log-lines.js';
import { foreignPlatforms, ownPlatform } from '../platform.js';
import { inheritedFrom, usedBases } from './base-images.js';
import {
  buildArguments,
  fixedArguments,
  helpersFolder,
  named,
  ownImagesPolicy,
  policyFile,
  registriesFile,
  secretOptions,
} from './commands.js';
import { registriesConf, registryPolicy, writeHelpers } from './config-files.js';
import { ownedContainers } from './containers.js';
import { baseImages, checkTriggers } from './dockerfile/images.js';
import { mayMount } from './dockerfile/layers.js';
import { withAbsoluteTargets } from './dockerfile/mount-targets.js';
import { contextArguments, dockerfileOf, removeIgnored } from './ignored.js';
import { BuildahLog } from './log.js';
import { writeOciImage } from './oci-image.js';
import { BuildahProgram, shortCommandTimeoutMs } from './program.js';
import { SharedExclusiveLock } from './shared-exclusive-lock.js';
import { isIsolated, minimumVersion, readsHeredocs, versionOf } from './version.js';

interface BuildahOptions extends Omit<EngineContext, 'configDir' | 'takesSecrets'> {
  /** For images and containers; undefined means where buildah keeps them by default. */
  readonly stateDir: string | undefined;
  /** The operator trusts the authors of all sources. Then a version without the fixes of `minimumVersion` may run. */
  readonly trustedSources: boolean;
}

/**
 * Builds with `buildah` on this machine, with no daemon: chroot isolation, layers cached in its storage. Steps are processes of this machine,
 * as root, whatever the version.
 */
export class BuildahEngine implements BuildEngine {
  readonly name = 'buildah';
  readonly reported = 'buildah';
  readonly loadsFrontends = false;
  readonly #options: BuildahOptions;
  readonly #program: BuildahProgram;
  /** Steps of builds at the same time can look into each other, so one that has secrets runs alone. */
  readonly #steps = new SharedExclusiveLock();
  #containersFolder: string | undefined;
  #imagesFolder = '';
  #version: string | undefined;
  #policy = '';

  constructor(options: BuildahOptions) {
    this.#options = options;
    this.#program = new BuildahProgram(options);
  }

  /** Warnings for the operator while this version runs. */
  get warnings(): string[] {
    return isIsolated(this.#version)
      ? []
      : [
          `BUILDAH_TRUSTED_SOURCES is on: ${named(this.#version)}, so who writes a Dockerfile can read and write all files of this machine as root`,
        ];
  }

  /**
   * Makes it ready for builds. `isRunning` says of a build's id whether some process still has it in hand. Rejects for a version without the fixes
   * of `minimumVersion`, unless the operator trusts the sources.
   */
  async prepare(isRunning: (build: string) => boolean): Promise<void> {
    this.#version = versionOf(await this.#program.run(['--version']));
    if (!isIsolated(this.#version) && !this.#options.trustedSources) {
      throw new Error(
        `${named(this.#version)}: who writes a Dockerfile can read and write all files of this machine as root. Install ` +
          `buildah ${minimumVersion} or newer, or BuildKit. If you trust the authors of all sources built here, or your ` +
          'distribution has the fixes in an older version, set BUILDAH_TRUSTED_SOURCES=true.',
      );
    }
    this.#policy = await registryPolicy(this.#options.env);
    const { stateDir } = this.#options;
    if (stateDir !== undefined) await openSetting('ENGINE_STATE_DIR', () => makeFolder(stateDir));
    const store = await this.#program.run([
      'info',
      '--format={{.store.GraphRoot}}\n{{.store.GraphDriverName}}',
    ]);
    const [root = '', driver = ''] = store.split('\n');
    this.#containersFolder = join(root, `${driver}-containers`);
    this.#imagesFolder = join(root, `${driver}-images`);
    await this.#removeContainers((build) => !isRunning(build));
  }

  get #path(): string {
    return this.#options.env.PATH ?? '';
  }

  #environmentOf(request: BuildRequest) {
    return {
      CONTAINERS_REGISTRIES_CONF: registriesFile(request),
      TMPDIR: request.scratchDir,
      PATH: `${helpersFolder(request)}:${this.#path}`,
    };
  }

  async check(): Promise<void> {
    await this.#program.run(['info', '--format={{.store.GraphRoot}}']);
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
    const environment = this.#environmentOf(request);
    const step = { signal, log, env: environment };
    const imageFile = join(request.scratchDir, 'image');
    try {
      await writeFile(
        registriesFile(request),
        registriesConf(this.#plainHttp([request.image, ...request.options.tags])),
      );
      await writeFile(policyFile(request), this.#policy);
      const { dockerConfig, helperEnv } = this.#options;
      const folder = helpersFolder(request);
      await writeHelpers({ dockerConfig, folder, path: this.#path, env: helperEnv });
      const dockerfile = await readFile(request.dockerfile, 'utf8');
      await removeIgnored(request, signal);
      const given = [
        ...this.#tlsOptions(),
        ...buildArguments({ request, imageFile, dockerfile }),
        ...contextArguments(request),
        ...options,
      ];
      const isSecret = request.secrets.size > 0;
      const built = await stage('bud', async () => {
        const { mayCache } = await this.#plan({ request, signal, dockerfile });
        const layers = `--layers=${mayCache && !request.options.noCache}`;
        const args = [...fixedArguments, layers, ...given, '--', request.contextDir];
        const build = { ...step, stage: 'build', args } as const;
        await this.#steps.hold({
          exclusive: isSecret,
          signal,
          onWait: () =>
            onLog(statusLine(new Date(), 'waiting for other builds: one that has secrets runs alone')),
          work: () =>
            // From version 1.38 on buildah writes what a step mounts into its folder for temporary files, before that into /dev/shm.
            isSecret
              ? withMemoryFolder((folder) =>
                  this.#program.step({ ...build, env: { ...environment, ...env, TMPDIR: folder } }),
                )
              : this.#program.step(build),
        });
        const bases = await this.#basesOf({ request, signal, dockerfile });
        return { digest: undefined, bases };
      });
      if (!request.push) return built;
      const image = await this.#ociImage({
        request,
        signal,
        image: (await readFile(imageFile, 'utf8')).trim(),
      });
      const digestFile = join(request.scratchDir, 'digest');
      return await stage('push', async () => {
        for (const name of [...request.options.tags, request.image]) {
          log.begin(`pushing ${name}`);
          const target = ['--', image, `docker://${name}`];
          const args = ['push', ...this.#tlsOptions(), `--digestfile=${digestFile}`, ...target];
          await this.#program.step({ ...step, stage: 'push', args });
        }
        return { ...built, digest: (await readFile(digestFile, 'utf8')).trim() };
      });
    } finally {
      await this.#removeContainers((build) => build === request.id);
    }
  }

  /** Makes an image in OCI's format of one in Docker's. Returns its id. */
  async #ociImage({ request, signal, image }: OciQuestion): Promise<string> {
    const inspected = await this.#program.output({ args: ['inspect', '--type=image', '--', image], signal });
    const folder = join(request.scratchDir, 'oci');
    const { labels, annotations } = request.options;
    await writeOciImage({ inspected, labels, annotations, folder });
    const policy = join(request.scratchDir, 'own-policy.json');
    await writeFile(policy, ownImagesPolicy);
    const args = ['pull', '--quiet', `--signature-policy=${policy}`, '--', `dir:${folder}`];
    return (await this.#program.output({ args, signal })).trim();
  }

  /**
   * Writes the Dockerfile that buildah reads. Returns whether layers of earlier builds may be used, and left to later ones. Rejects with
   * `base_image_invalid` when the Dockerfile or a trigger of a base image names an image that is none of a registry.
   */
  async #plan({ request, signal, dockerfile }: PlanOptions): Promise<{ readonly mayCache: boolean }> {
    const { buildArgs } = request;
    const heredocs = readsHeredocs(this.#version);
    const inherited = await inheritedFrom({
      bases: baseImages({ dockerfile, buildArgs, heredocs }),
      pullOptions: [...this.#tlsOptions(), `--signature-policy=${policyFile(request)}`],
      run: (args) => this.#program.capture({ args, signal, env: this.#environmentOf(request) }),
    });
    const { triggers, starts: bases = new Map() } = inherited ?? {};
    if (triggers) checkTriggers({ triggers, buildArgs, heredocs });
    const hasMounts = mayMount(dockerfile);
    const text = hasMounts ? withAbsoluteTargets({ dockerfile, buildArgs, heredocs, bases }) : dockerfile;
    if (text !== dockerfile) await writeFile(dockerfileOf(request), text);
    // buildah sets proxies in each step but leaves them out of what it finds a layer by.
    const hasProxy = Object.keys(buildArgs).some((name) => argumentRule(name) === 'proxy');
    return { mayCache: triggers?.length === 0 && !hasProxy && !hasMounts };
  }

  #basesOf({ request, signal, dockerfile }: PlanOptions): Promise<Base[]> {
    const { buildArgs, options } = request;
    const where = { platforms: [ownPlatform], target: options.target };
    return usedBases({
      references: neededImages({ dockerfile, buildArgs, ...where }),
      imagesFolder: this.#imagesFolder,
      run: (args) => this.#program.capture({ args, signal, env: this.#environmentOf(request) }),
    });
  }

  /** The allowlist, and the registries of the images if the list allows them under another name. */
  #plainHttp(images: readonly string[]): string[] {
    const { insecureRegistries } = this.#options;
    const own = images.map(registryOf).filter((host) => allowsPlainHttp(insecureRegistries, host));
    const listed = withLoopbackNames(insecureRegistries).filter((host) => host !== '*');
    return [...new Set([...listed, ...own])];
  }

  /** Hosts on the allowlist are in registries.conf, where there is no way to say all. */
  #tlsOptions(): string[] {
    return this.#options.insecureRegistries.includes('*') ? ['--tls-verify=false'] : [];
  }

  async #removeContainers(choose: (build: string) => boolean): Promise<void> {
    if (this.#containersFolder === undefined) return;
    try {
      const left = (await ownedContainers(this.#containersFolder)).filter(({ build }) => choose(build));
      if (left.length > 0) await this.#program.run(['rm', '--', ...left.map(({ id }) => id)]);
    } catch (error) {
      // The build's own outcome counts more; the next start of this process tries again.
      this.#options.logger.error({ err: error }, 'working containers could not be removed');
    }
  }
}

interface PlanOptions {
  readonly request: BuildRequest;
  readonly signal: AbortSignal;
  /** Its text. */
  readonly dockerfile: string;
}

interface OciQuestion {
  readonly request: BuildRequest;
  readonly signal: AbortSignal;
  /** The id of an image in Docker's format. */
  readonly image: string;
}
