import { cacheNamespaceArg } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { epochOf } from '../../builds/epoch.js';
import type { BuildRequest } from '../engine.js';
import type { SolveRequest } from './protocol/messages.js';

interface RequestOptions {
  readonly request: BuildRequest;
  readonly isInsecure: (image: string) => boolean;
  readonly sbomScanner: string | undefined;
}

/** Returns the request for BuildKit, without the reference and the session. */
export function solveRequestOf({ request, isInsecure, sbomScanner }: RequestOptions): SolveRequest {
  const { options: asked, image, buildArgs, platforms, push, attestations, loadsFrontend } = request;
  const frontendAttrs: Record<string, string> = {};
  for (const [key, value] of Object.entries(buildArgs)) frontendAttrs[`build-arg:${key}`] = value;
  // `cmdline` marks the frontend as loaded already, so BuildKit loads no other (dockerfile/builder/build.go).
  if (!loadsFrontend) frontendAttrs.cmdline = 'docker/dockerfile:1';
  if (platforms.length > 0) frontendAttrs.platform = platforms.join(',');
  if (attestations.provenance) frontendAttrs['attest:provenance'] = 'mode=min';
  if (attestations.sbom) frontendAttrs['attest:sbom'] = `generator=${sbomScanner}`;
  frontendAttrs.filename = asked.dockerfile;
  if (asked.target !== undefined) frontendAttrs.target = asked.target;
  if (asked.pull) frontendAttrs['image-resolve-mode'] = 'pull';
  if (asked.noCache) frontendAttrs['no-cache'] = '';
  for (const [key, value] of Object.entries(asked.labels)) frontendAttrs[`label:${key}`] = value;
  // Each of them has all names of registries that are spoken to in the same way.
  const images = [image, ...asked.tags];
  const groups = [images.filter(isInsecure), images.filter((name) => !isInsecure(name))].filter(
    (names) => names.length > 0,
  );
  const attrsOf = (names: readonly string[]): Record<string, string> => ({
    name: names.join(','),
    push: String(push),
    ...Object.fromEntries(
      Object.entries(asked.annotations).map(([key, value]) => [`annotation.${key}`, value]),
    ),
    ...(names.some(isInsecure) && { 'registry.insecure': 'true' }),
    // BuildKit repacks each layer of the build for it, at about 20 MB/s, so only pushed images get it.
    ...(push && epochOf(buildArgs) !== undefined && { 'rewrite-timestamp': 'true' }),
  });
  const policy = sourcePolicyOf(buildArgs);
  return {
    frontend: 'dockerfile.v0',
    frontendAttrs,
    cache: {},
    exporters: groups.map((names) => ({ type: 'image', attrs: attrsOf(names) })),
    ...(policy && { sourcePolicy: policy }),
  };
}

/** `PolicyAction`, `MatchType` and `AttrMatch` of BuildKit's package `sourcepolicy`. */
const deny = 1;
const regex = 2;
const conditions = { equal: 0, matches: 2 } as const;

/**
 * The sources that builds of tenants other than `default` may not fetch. BuildKit finds a fetched git source by its commit alone, and a
 * source with a checksum by the checksum alone, so one tenant would get what another tenant fetched from anywhere.
 * BuildKit's package `sourcepolicy` describes the form of the rules.
 */
const rules = [
  // `.git/config` names the repository that the first of them has fetched from.
  denied('.*', { key: 'git.keepgitdir', value: 'true', condition: conditions.equal }),
  // Every tenant that knows the commit or checksum could read a private repository or file.
  denied('.*', {
    key: 'git.fullurl',
    value: '^[A-Za-z0-9+.-]+://[^/?#]*@',
    condition: conditions.matches,
  }),
  denied('^[A-Za-z0-9+.-]+://[^/?#]*@'),
];

function denied(
  identifier: string,
  ...constraints: { readonly key: string; readonly value: string; readonly condition: number }[]
) {
  return { action: deny, selector: { identifier, matchType: regex, constraints } };
}

/** The source policy of a build. Undefined for builds of `default`, which have no namespace of cache mounts. */
function sourcePolicyOf(buildArgs: Readonly<Record<string, string>>): SolveRequest['sourcePolicy'] {
  return buildArgs[cacheNamespaceArg] === undefined ? undefined : { version: 0, rules };
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
