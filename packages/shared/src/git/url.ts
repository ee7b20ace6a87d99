import { SlipwayError, shownValue } from '../errors/index.js';
import type { GitConfig } from './config.js';

/** A repository's URL that was found to be allowed. */
export interface RepositoryUrl {
  /** As git is given it: what was checked, and not what a second parser might make of the same text. */
  readonly href: string;
  /** `host` or `host:port`, lower case; empty for a file. */
  readonly host: string;
}

/** Throws `git_url_invalid` for a URL that this installation does not fetch from. */
export function repositoryUrl(
  text: string,
  { allowedSchemes, allowedHosts }: Pick<GitConfig, 'allowedSchemes' | 'allowedHosts'>,
): RepositoryUrl {
  const schemes = allowedSchemes.map((scheme) => `${scheme}://`).join(', ');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !allowedSchemes.some((scheme) => url.protocol === `${scheme}:`)) {
    throw refused(text, `must begin with ${schemes}`);
  }
  if (url.username !== '' || url.password !== '') {
    throw refused(text, 'must not carry credentials; the installation has them, by host');
  }
  if (url.search !== '' || url.hash !== '') throw refused(text, 'must not have a query or fragment');
  const isFile = url.protocol === 'file:';
  if (isFile !== (url.host === '')) throw refused(text, 'must name a host');
  if (!isFile && allowedHosts.length > 0 && !allowedHosts.includes(url.host)) {
    throw refused(text, 'names a host that this installation does not fetch from');
  }
  return { href: url.href, host: url.host };
}

/** The URL is repeated without what may be a credential. */
function refused(url: string, message: string): SlipwayError {
  const shown = `${shownValue(url)} ${message}`;
  return new SlipwayError('git_url_invalid', `The URL of the repository ${shown}.`, {
    errors: [{ path: '/source/git/url', message: shown }],
  });
}
