import { join } from 'node:path';
import { SlipwayError } from '@slipway/shared/errors';
import type { ChildExit } from '../../process/child.js';
import type { BuildRequest } from '../engine.js';
import { engineError } from '../engine-error.js';
import type { FailureText } from '../failure-text.js';
import { minimumVersion } from './version.js';

/** Values stand behind `--option=`, and what is no option behind `--`. */
export const fixedArguments = [
  'build',
  '--isolation=chroot',
  // Otherwise any image in the storage could be built upon, whoever pulled it.
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

/** Of images that the builder wrote itself. */
export const ownImagesPolicy = JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] });
