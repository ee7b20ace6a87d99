import { cacheNamespaceArg } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';

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
