import { SlipwayError, shownValue } from '../errors/index.js';
import type { GitConfig } from './config.js';
import { isSshUrl, repositoryName, type SshUrl, sshUrl } from './ssh-url.js';

/** An allowed repository URL. */
export interface RepositoryUrl {
  /** The exact checked text for git, so that a second parser cannot read it differently. */
  readonly href: string;
  /** `host` or `host:port`, lower case; empty for a file. */
  readonly host: string;
  readonly ssh?: SshUrl;
}

/** Returns the parts of an allowed URL. Throws `git_url_invalid` for other URLs. */
export function repositoryUrl(
  text: string,
  config: Pick<GitConfig, 'allowedSchemes' | 'allowedHosts' | 'ssh'>,
): RepositoryUrl {
  const { allowedSchemes } = config;
  if (config.ssh && isSshUrl(text)) {
    const ssh = sshUrl(text);
    if (typeof ssh === 'string') throw refused(text, ssh);
    checkHost(text, ssh.host, config);
    return { href: ssh.href, host: ssh.host, ssh };
  }
  const schemes = [...allowedSchemes, ...(config.ssh ? ['ssh'] : [])]
    .map((scheme) => `${scheme}://`)
    .join(', ');
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
  if (!isFile) checkHost(text, url.host, config);
  return { href: url.href, host: url.host };
}

function checkHost(text: string, host: string, { allowedHosts }: Pick<GitConfig, 'allowedHosts'>): void {
  if (allowedHosts.length > 0 && !allowedHosts.includes(host)) {
    throw refused(text, 'names a host that this installation does not fetch from');
  }
}

/** Returns the path of a repository on its host, without slashes around it and without `.git`. */
export function repositoryPath(url: string): string {
  const ssh = isSshUrl(url) ? sshUrl(url) : undefined;
  return typeof ssh === 'object' ? ssh.repository : repositoryName(new URL(url).pathname);
}

/** Returns the absolute form of a URL relative to its parent's, in any form. Undefined if it leaves the host. */
export function relativeUrl(given: string, parent: string): string | undefined {
  const [, root = '', path = ''] = /^([a-z]+:\/\/[^/]*\/|[^/:]+:)(.*)$/i.exec(parent) ?? [];
  const segments = path.split('/').filter((segment) => segment !== '');
  for (const segment of given.split('/')) {
    if (segment === '..') {
      if (segments.pop() === undefined) return undefined;
    } else if (segment !== '.' && segment !== '') segments.push(segment);
  }
  return root + segments.join('/');
}

/** The error shows the URL without possible credentials. */
function refused(url: string, message: string): SlipwayError {
  const shown = `${shownValue(url)} ${message}`;
  return new SlipwayError('git_url_invalid', `The URL of the repository ${shown}.`, {
    errors: [{ path: '/source/git/url', message: shown }],
  });
}
