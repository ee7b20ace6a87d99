import { isUtf8 } from 'node:buffer';
import { join } from 'node:path';
import { withoutWorkerArguments } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { ChildExit } from '@slipway/shared/processes';
import type { SecretBytes } from '@slipway/shared/sealing';
import { epochOf, withoutEpoch } from '../../builds/epoch.js';
import type { BuildRequest } from '../engine.js';
import { engineError } from '../engine-error.js';
import type { FailureText } from '../failure-text.js';
import { cgroupParentOf } from './containers.js';
import { minimumVersion } from './version.js';

/** Values stand behind `--option=`, and what is no option behind `--`. */
export const fixedArguments = [
  'build',
  '--isolation=chroot',
  // Without it, a build could use any image in the storage, even one that its tenant may not pull.
  '--pull=always',
  '--http-proxy=false',
  // buildah leaves HEALTHCHECK, ONBUILD and SHELL out of OCI images: see `writeOciImage`.
  '--format=docker',
];

interface FailureOptions {
  readonly exit: ChildExit;
  readonly stage: 'build' | 'push';
  readonly said: FailureText;
  readonly printed: FailureText;
}

/** Returns the error of a command that failed. */
export function failure({ exit, stage, said, printed }: FailureOptions): SlipwayError {
  if (exit.signal !== null) return new SlipwayError('builder_lost', `buildah was ended by ${exit.signal}.`);
  return engineError({ message: said.message(), stage, output: printed.lines(), foreignPlatform: false });
}

export const registriesFile = ({ scratchDir }: BuildRequest) => join(scratchDir, 'registries.conf');
export const policyFile = ({ scratchDir }: BuildRequest) => join(scratchDir, 'policy.json');

export const helpersFolder = ({ scratchDir }: BuildRequest) => join(scratchDir, 'helpers');

export const named = (version: string | undefined) =>
  version === undefined
    ? `buildah does not say its version; ${minimumVersion} is the oldest that keeps builds away from the machine`
    : `buildah ${version} is older than ${minimumVersion}`;

/** The signature policy for images that the builder wrote itself. */
export const ownImagesPolicy = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });

interface ArgumentsOptions {
  readonly request: BuildRequest;
  /** Where buildah writes the id of the image. */
  readonly imageFile: string;
  /** The text of the Dockerfile. */
  readonly dockerfile: string;
}

/** Returns the arguments of a build that its request alone decides. Throws `build_failed` when its epoch is no number. */
export function buildArguments({ request, imageFile, dockerfile }: ArgumentsOptions): string[] {
  const epoch = epochOf(request.buildArgs);
  if (epoch !== undefined && !/^\d{1,11}$/.test(epoch)) {
    throw new SlipwayError('build_failed', 'SOURCE_DATE_EPOCH is not a number of seconds since 1970.');
  }
  // buildah warns of arguments that the Dockerfile does not know, and every build has this one.
  const knowsEpoch = dockerfile.includes('SOURCE_DATE_EPOCH');
  const given = withoutWorkerArguments(request.buildArgs);
  const buildArgs = knowsEpoch ? given : withoutEpoch(given);
  return [
    ...(epoch === undefined ? [] : [`--timestamp=${epoch}`]),
    `--cgroup-parent=${cgroupParentOf(request.id)}`,
    `--iidfile=${imageFile}`,
    ...(request.options.target === undefined ? [] : [`--target=${request.options.target}`]),
    ...(request.options.noCache ? ['--no-cache'] : []),
    `--signature-policy=${policyFile(request)}`,
    ...Object.entries(buildArgs).map(([key, value]) => `--build-arg=${key}=${value}`),
  ];
}

/** Linux takes 128 KiB for one variable, with its name (MAX_ARG_STRLEN). */
const maxVariableBytes = 128 * 1024 - 64;

interface SecretOptions {
  readonly options: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Returns options and variables that hand secrets to buildah. Secrets go through the environment, because buildah copies secret files to the disk
 * (`overlay-containers/<id>/userdata/secrets`). Throws `secrets_unsupported` for a value that no variable can hold.
 */
export function secretOptions(secrets: ReadonlyMap<string, SecretBytes>): SecretOptions {
  const entries = [...secrets].map(([name, secret], index) => {
    const bytes = secret.reveal();
    if (!isUtf8(bytes) || bytes.includes(0) || bytes.length > maxVariableBytes) {
      throw new SlipwayError(
        'secrets_unsupported',
        `This builder uses buildah, which takes secrets of UTF-8 text without zero bytes and at most ${maxVariableBytes} bytes; ${name} is not.`,
      );
    }
    const variable = `SLIPWAY_SECRET_${index}`;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8');
    return { option: `--secret=id=${name},env=${variable}`, variable: [variable, text] as const };
  });
  return {
    options: entries.map(({ option }) => option),
    env: Object.fromEntries(entries.map(({ variable }) => variable)),
  };
}
