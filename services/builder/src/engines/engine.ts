import type { Fields } from '@slipway/shared/config';
import type { Base, EngineName, ReportedEngine } from '@slipway/shared/contracts';
import type { BuildOptions } from '@slipway/shared/function-builder';
import type { Logger } from '@slipway/shared/logger';
import type { SecretBytes } from '@slipway/shared/sealing';

/** An image to build. All fields from the request are validated, and never become an option of a command. */
export interface BuildRequest {
  /** Unique, and safe as a file name. */
  readonly id: string;
  /** The unpacked context, an absolute path. */
  readonly contextDir: string;
  /** The absolute path of the file that is read as Dockerfile, in the context; no link leads there. */
  readonly dockerfile: string;
  readonly options: BuildOptions;
  /** An empty folder for the engine's own files. */
  readonly scratchDir: string;
  /** An image reference of the OCI grammar. */
  readonly image: string;
  /** With SOURCE_DATE_EPOCH among them, the image depends on nothing but what is asked for: not on when or where it is built. */
  readonly buildArgs: Readonly<Record<string, string>>;
  /** `os/arch[/variant]`; none means the engine's own. */
  readonly platforms: readonly string[];
  readonly push: boolean;
  /** In the clear, by the id of `RUN --mount=type=secret,id=…`. They are not to be kept when the build has ended. */
  readonly secrets: ReadonlyMap<string, SecretBytes>;
  /** BuildKit loads the frontend image that the Dockerfile or BUILDKIT_SYNTAX names. If false, it uses its own frontend and ignores the name. */
  readonly loadsFrontend: boolean;
  /** Attestations to push beside the image. */
  readonly attestations: { readonly sbom: boolean; readonly provenance: boolean };
}

export interface BuildRun {
  /** Its reason, an error of the table, says why the build must stop. */
  readonly signal: AbortSignal;
  /** Told each line of the log, in the form of `log-lines.ts`. */
  readonly onLog: (line: string) => void;
  /** Runs one of the few steps that the build is made of for the engine, so that it can be seen in a trace. */
  readonly stage?: (
    name: 'solve' | 'bud' | 'push',
    work: () => Promise<BuildOutcome>,
  ) => Promise<BuildOutcome>;
}

export interface BuildOutcome {
  /** `sha256:…` of the pushed manifest, as the registry knows it; undefined when nothing was pushed. */
  readonly digest: string | undefined;
  /** The base images that the build used, as `bases` of `BuilderResult`. */
  readonly bases: readonly Base[];
}

/**
 * Something that makes images. The contract, which the conformance suite checks:
 *
 * - `build` settles only when nothing of the build is running any more: no process, no container, no mount.
 * - It rejects with a coded error: `build_failed` and its like for what the user must mend, `push_*` and `registry_*`
 *   for the registry, `builder_*` when the engine itself is at fault, the signal's reason when it was aborted.
 * - Builds may run at the same time, for the same image too. Layers are cached from one build to the next, but a step that mounts something sees
 *   what its own build mounts.
 * - A registry is spoken to over plain http only if it is on the allowlist; any other answers with `registry_insecure`.
 * - Base images are looked up in their registry each time, so the cache gives no build an image that it may not pull.
 * - Secrets are never in the command line; the environment of a child is an allowlist.
 * - Build secrets are in the steps that mount them, and in no layer, no file on a disk, no error and no other build. What cannot be handed
 *   over so is refused with `secrets_unsupported`.
 * - An attestation that it cannot make is refused with `attestation_unsupported`.
 * - A refused push has the code of the table in `@slipway/shared/failures/testing`; only what may pass is `push_failed`.
 * - `check` rejects with `engine_unreachable` when a build could not run now. It is cheap enough for a health check.
 */
export interface BuildEngine {
  readonly name: EngineName;
  /** The engine that the builder reports. Its row in `engineFacts` says whether builds are isolated. Undefined until a check has succeeded. */
  readonly reported: ReportedEngine | undefined;
  /** The engine can load a frontend image in place of its own reader of Dockerfiles. */
  readonly loadsFrontends: boolean;
  /** Warnings about dangers of the engine, for the start-up log and readiness. */
  readonly warnings: readonly string[];
  check(): Promise<void>;
  /** Lets go of what it holds of the machine. No build may be in hand. */
  close(): Promise<void>;
  build(request: BuildRequest, run: BuildRun): Promise<BuildOutcome>;
}

/** The builder's part of the options of an engine. The engine's own settings are the other part. */
export interface EngineContext {
  readonly insecureRegistries: readonly string[];
  /** The folder that holds `config.json` with the registry credentials, if there is one. */
  readonly dockerConfig: string;
  /** Environment of the child processes: an allowlist of the builder's own. */
  readonly env: Readonly<Record<string, string>>;
  /** Environment of credential helpers alone; see `helperEnvironment`. */
  readonly helperEnv: Readonly<Record<string, string>>;
  /** For files that live as long as this process. */
  readonly configDir: string;
  /** Milliseconds between SIGTERM and SIGKILL for a child process. */
  readonly killGraceMs: number;
  /** The builder has keys for build secrets, so builds may bring some. */
  readonly takesSecrets: boolean;
  readonly logger: Logger;
}

/** An engine with its settings read. */
export interface ConfiguredEngine {
  /** Settings for the start-up line. They hold no secret. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Starts the engine. Rejects with an Error for the operator when the engine cannot run here. A daemon of the engine may still be starting. */
  open(context: EngineContext): Promise<BuildEngine>;
}

/** A build engine as an extension point: `engines.ts` lists one definition per engine. */
export interface EngineDefinition {
  /** The start of a sentence that tells the operator how to get the engine. */
  readonly advice: string;
  /** The engine is a client of a daemon. ENGINE=auto waits until the daemon answers. */
  readonly hasDaemon: boolean;
  /** Reads the engine's own settings. */
  configure(fields: Fields): ConfiguredEngine;
}
