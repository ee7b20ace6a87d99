import { cacheNamespaceArg } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { epochOf } from '../../builds/epoch.js';
import type { BuildRequest } from '../engine.js';

interface ArgumentsOptions {
  readonly request: BuildRequest;
  readonly metadataFile: string;
  readonly policyFile: string | undefined;
  readonly isInsecure: (image: string) => boolean;
  readonly sbomScanner: string | undefined;
}

/** Returns the arguments of a build. Each value stands behind `key=` inside one argument, so that none can be taken for an option. */
export function buildArguments(options: ArgumentsOptions): string[] {
  const { request, metadataFile, policyFile, isInsecure, sbomScanner } = options;
  const {
    contextDir,
    options: asked,
    image,
    buildArgs,
    platforms,
    push,
    secrets,
    attestations,
    loadsFrontend,
  } = request;
  const frontend = Object.entries(buildArgs).map(([key, value]) => `build-arg:${key}=${value}`);
  // With a command line BuildKit takes the frontend for one that was loaded already, and loads none (dockerfile/builder/build.go).
  if (!loadsFrontend) frontend.push('cmdline=docker/dockerfile:1');
  if (platforms.length > 0) frontend.push(`platform=${platforms.join(',')}`);
  if (attestations.provenance) frontend.push('attest:provenance=mode=min');
  if (attestations.sbom) frontend.push(`attest:sbom=generator=${sbomScanner}`);
  // The files are buildctl's own descriptors: steps can read them repeatedly, and no other process can open them.
  const mounts = [...secrets.keys()].map((name, index) => `id=${name},src=/proc/self/fd/${3 + index}`);
  frontend.push(`filename=${asked.dockerfile}`);
  if (asked.target !== undefined) frontend.push(`target=${asked.target}`);
  if (asked.pull) frontend.push('image-resolve-mode=pull');
  for (const [key, value] of Object.entries(asked.labels)) frontend.push(`label:${key}=${value}`);
  // Each of them has all names of registries that are spoken to in the same way.
  const images = [image, ...asked.tags];
  const groups = [images.filter(isInsecure), images.filter((name) => !isInsecure(name))].filter(
    (names) => names.length > 0,
  );
  const output = (names: readonly string[]) => [
    'type=image',
    `name=${names.join(',')}`,
    `push=${push}`,
    ...Object.entries(asked.annotations).map(([key, value]) => `annotation.${key}=${value}`),
    ...(names.some(isInsecure) ? ['registry.insecure=true'] : []),
    // BuildKit repacks each layer of the build for it, at about 20 MB/s, so only pushed images get it.
    ...(push && epochOf(buildArgs) !== undefined ? ['rewrite-timestamp=true'] : []),
  ];
  return [
    'build',
    '--frontend=dockerfile.v0',
    `--local=context=${contextDir}`,
    `--local=dockerfile=${contextDir}`,
    ...frontend.map((option) => `--opt=${option}`),
    ...mounts.map((mount) => `--secret=${mount}`),
    ...groups.map((names) => `--output=${output(names).map(csvField).join(',')}`),
    ...(asked.noCache ? ['--no-cache'] : []),
    `--metadata-file=${metadataFile}`,
    ...(policyFile === undefined ? [] : [`--source-policy-file=${policyFile}`]),
    '--progress=rawjson',
  ];
}

/** buildctl reads an output as one line of CSV. */
const csvField = (text: string) => (/[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/**
 * The sources that builds of tenants other than `default` may not fetch. BuildKit finds a fetched git source by its commit alone, and a
 * source with a checksum by the checksum alone, so one tenant would get what another tenant fetched from anywhere.
 * BuildKit's package `sourcepolicy` describes the form of the rules.
 */
const rules = [
  // `.git/config` names the repository that the first of them has fetched from.
  denied('.*', { key: 'git.keepgitdir', value: 'true', condition: 'EQUAL' }),
  // Every tenant that knows the commit or checksum could read a private repository or file.
  denied('.*', { key: 'git.fullurl', value: '^[A-Za-z0-9+.-]+://[^/?#]*@', condition: 'MATCHES' }),
  denied('^[A-Za-z0-9+.-]+://[^/?#]*@'),
];

function denied(identifier: string, ...constraints: Readonly<Record<string, string>>[]) {
  return { action: 'DENY', selector: { identifier, match_type: 'REGEX', constraints } };
}

/** The source policy of a build, as JSON. Undefined for builds of `default`, which have no namespace of cache mounts. */
export function sourcePolicyOf(buildArgs: Readonly<Record<string, string>>): string | undefined {
  return buildArgs[cacheNamespaceArg] === undefined ? undefined : JSON.stringify({ rules });
}

/** The error for a message of BuildKit that says that the policy has denied a source. */
export function sourceDenied(message: string): SlipwayError | undefined {
  const source = /source "((?:[^"\\]|\\.)*)" denied by policy/.exec(message)?.[1];
  if (source === undefined) return undefined;
  const shown = source.replace(/:\/\/[^/?#]*@/, '://…@').slice(0, 300);
  return new SlipwayError(
    'source_not_allowed',
    `The Dockerfile fetches ${shown} with credentials in its URL, or keeps its .git folder.`,
  );
}
