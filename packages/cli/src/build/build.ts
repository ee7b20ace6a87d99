import { type Client, hasEnded, type Job, type JobRequest } from '@slipway/client';
import { count, formatBytes, shortDigest } from '@slipway/shared/formatting';
import { checked } from '../build-options/check.js';
import { type BuildOptionFlags, furtherTags, requestedOptions } from '../build-options/options.js';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { attemptLine, logText } from '../jobs/log-text.js';
import { builtImage, outcomeLine } from '../jobs/outcome.js';
import type { Screen, Terminal } from '../terminal/terminal.js';
import { shown } from '../terminal/text.js';
import { type VcsOptions, vcsOf } from '../vcs/vcs.js';
import { readContext } from './context.js';
import { Interrupted, Interruption } from './interruption.js';
import { packContext } from './pack.js';

export interface BuildOptions extends CommonOptions, VcsOptions, BuildOptionFlags {
  readonly image?: string;
  /** Further references. Without `image`, the first one is the image. */
  readonly tag?: readonly string[];
  /** The Dockerfile, relative to the working directory. */
  readonly file?: string;
  readonly buildArg?: Readonly<Record<string, string>>;
  readonly platform?: readonly string[];
  readonly push: boolean;
  /** Names of build secrets with their files. */
  readonly secret?: Readonly<Record<string, string>>;
  readonly sbom?: boolean;
  readonly provenance?: boolean;
  readonly function?: string;
  readonly label?: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly timeout?: number;
  readonly callback?: string;
  readonly detach?: boolean;
  readonly quiet?: boolean;
}

/** Builds a folder: packs, uploads, submits, shows the log, and reports the image. */
export async function build(
  folder: string,
  options: BuildOptions,
  { terminal, env }: CommandContext,
): Promise<ExitCode> {
  const vcs = vcsOf(options, env);
  const images = imagesOf(options);
  const client = await connect({ options, env });
  const say = stepLine(terminal, options);
  const interruption = new Interruption();
  try {
    const { digest, dockerfile } = await upload({
      ...{ folder, file: options.file, client, say },
      signal: interruption.signal,
    });
    const secrets = await sealed(options, client, interruption.signal);
    const { id } = await interruption.shield(() =>
      client.submitJob({
        spec: { ...images, ...spec({ options, digest, dockerfile, env }), ...secrets, ...(vcs && { vcs }) },
      }),
    );
    say('submitted', id);
    say('page', `${client.url}/jobs/${id}`);
    if (options.detach) {
      if (options.json) terminal.out.line(JSON.stringify(await client.getJob({ id })));
      else terminal.out.line(id);
      say('follow it', `slipway logs -f ${id}`);
      return exitCodes.ok;
    }
    const job = await watch({ id, client, options, terminal, interruption });
    return report(job, options, terminal);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    terminal.err.line(error.message);
    return exitCodes.failed;
  } finally {
    interruption.close();
  }
}

/** Returns the sealed build secrets for the builders of the server. The sealing code is loaded only if needed. */
async function sealed(
  { secret }: BuildOptions,
  client: Client,
  signal: AbortSignal,
): Promise<{ secrets?: string }> {
  if (!secret) return {};
  const { keyOfServer, sealFiles } = await import('../secrets/seal-files.js');
  const publicKey = await keyOfServer(client, signal);
  return { secrets: await sealFiles({ files: secret, folder: process.cwd(), publicKey }) };
}

/** Returns the image and its further tags. Throws `CommandError` when no option names the image. */
function imagesOf({ image, tag = [] }: BuildOptions): Pick<JobRequest, 'image' | 'tags'> {
  const [first, ...rest] = [...(image === undefined ? [] : [image]), ...tag];
  if (first === undefined) {
    throw new CommandError({
      message: 'no image name is given',
      remedy: 'Add --image REFERENCE, or -t REFERENCE as with `docker build`.',
      exitCode: exitCodes.usage,
    });
  }
  const tags = furtherTags(first, rest);
  checked('tags', tags ?? [], (fault) => {
    throw new CommandError({ message: `--tag: ${fault}`, exitCode: exitCodes.usage });
  });
  return { image: first, ...(tags && { tags }) };
}

interface SpecOptions extends Pick<CommandContext, 'env'> {
  readonly options: BuildOptions;
  readonly digest: string;
  readonly dockerfile: string;
}

function spec({ options, digest, dockerfile, env }: SpecOptions): Omit<JobRequest, 'image' | 'tags'> {
  const secret = env.SLIPWAY_CALLBACK_SECRET || undefined;
  const { buildArg, platform, push, label, timeout, callback } = options;
  return {
    source: { digest },
    push,
    ...requestedOptions({ ...options, ...(dockerfile !== 'Dockerfile' && { dockerfile }) }),
    ...(buildArg && { build_args: buildArg }),
    ...(platform && { platforms: [...platform] }),
    ...(options.function !== undefined && { function: options.function }),
    ...(label && { labels: label }),
    ...(timeout !== undefined && { timeout }),
    ...(options.sbom && { sbom: true }),
    ...(options.provenance && { provenance: true }),
    ...(callback !== undefined && {
      callback: { url: callback, ...(secret !== undefined && { secret }) },
    }),
  };
}

type Say = (step: string, text: string) => void;

/** Returns a function that prints a line for each step before the log, unless `--quiet` or `--json` is given. */
function stepLine({ err }: Terminal, { quiet = false, json = false }: BuildOptions): Say {
  if (quiet || json) return () => undefined;
  return (step, text) => err.line(`${err.style('bold', step.padEnd(10))} ${text}`);
}

interface Upload {
  readonly folder: string;
  readonly file: string | undefined;
  readonly client: Client;
  readonly say: Say;
  readonly signal: AbortSignal;
}

interface Uploaded {
  readonly digest: string;
  /** The path of the Dockerfile within the context. */
  readonly dockerfile: string;
}

async function upload({ folder, file, client, say, signal }: Upload): Promise<Uploaded> {
  const context = await readContext(folder, file);
  say('context', `${count(context.files, 'file')}, ${formatBytes(context.bytes)}`);
  for (const path of context.leftOut) say('left out', `${shown(path)} is neither file, folder nor link`);
  const { digest, created } = await client.uploadSource({ archive: () => packContext(context), signal });
  say('source', `${shortDigest(digest)}${created ? '' : ' (already stored)'}`);
  return { digest, dockerfile: context.dockerfile };
}

interface Watch {
  readonly id: string;
  readonly client: Client;
  readonly options: BuildOptions;
  readonly terminal: Terminal;
  readonly interruption: Interruption;
}

/** Shows the log until the job has ended. The first interrupt cancels the job, the second leaves it. */
async function watch({ id, client, options, terminal, interruption }: Watch): Promise<Job> {
  const { err } = terminal;
  let canceling: Promise<unknown> = Promise.resolve();
  const leave = new AbortController();
  interruption.onInterrupt((times) => {
    if (times > 1) {
      leave.abort(new Interrupted(`Left ${id}. Check it with: slipway status ${id}`));
      return;
    }
    // A terminal shows ^C at the end of the log.
    err.line(`${err.isTty ? '\n' : ''}Canceling ${id}. Ctrl-C again leaves without waiting.`);
    // The job may have ended at the same moment; any other error shows up in the wait below.
    canceling = client.cancelJob({ id }).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== 'job_not_cancelable') leave.abort(error);
    });
  });
  const { signal } = leave;
  if (!options.quiet && !options.json) await showLog({ id, client, screen: err, signal });
  const job = await client.waitForEnd({ id, signal });
  await canceling;
  return job;
}

interface ShowLog {
  readonly id: string;
  readonly client: Client;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

async function showLog({ id, client, screen, signal }: ShowLog): Promise<void> {
  let attempt = 1;
  for await (const line of client.followLog({ id, signal })) {
    if (line.attempt !== attempt) {
      attempt = line.attempt;
      screen.line(attemptLine(screen, attempt));
    }
    screen.line(logText(screen, line.text));
  }
}

/** Prints only the image to standard output, so that a script can deploy `$(slipway build …)`. */
function report(job: Job, options: BuildOptions, { out, err }: Terminal): ExitCode {
  if (!hasEnded(job.state)) throw new Error(`the job has not ended: ${job.state}`);
  const ok = job.state === 'succeeded';
  if (options.json) out.line(JSON.stringify(job));
  else {
    if (options.quiet && job.error) for (const line of job.error.log_tail) err.line(logText(err, line));
    if (!options.quiet || !ok) err.line(err.style(ok ? 'green' : 'red', shown(outcomeLine(job))));
    if (ok) out.line(builtImage(job));
  }
  return ok ? exitCodes.ok : exitCodes.failed;
}
