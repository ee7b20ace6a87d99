import { join } from 'node:path';
import { withoutWorkerArguments } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { ChildExit } from '@slipway/shared/processes';
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
