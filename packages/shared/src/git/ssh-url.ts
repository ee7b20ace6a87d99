import { isIPv6 } from 'node:net';

/** The parts of an ssh URL, each safe in an argument of git or ssh. */
export interface SshUrl {
  /** The canonical spelling of all equivalent URLs. */
  readonly href: string;
  /** `host`, or `host:port` unless the port is 22; lower case. */
  readonly host: string;
  /** A name or an address, without brackets. */
  readonly hostname: string;
  readonly user: string;
  /** The path of the repository without slashes around it and without `.git`. */
  readonly repository: string;
}

const usualUser = 'git';
const usualPort = 22;
const url = /^ssh:\/\/(?:([^@/]*)@)?(\[[^\]]*\]|[^/:@[\]]*)(?::(\d*))?(\/[\s\S]*)$/i;
/** `user@host:path`, the form of scp. The path begins at the user's home, or at the server's root if it begins with `/`. */
const short = /^([^@/:]+)@([^@/:[\]]+):([\s\S]+)$/;
const userName = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/;
const hostName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const control = /[\p{Cc}\p{Cs}]/u;

/** Returns true if a text has the form of an ssh URL. */
export const isSshUrl = (text: string): boolean => /^ssh:/i.test(text) || short.test(text);

/** Returns the parts of `ssh://[user@]host[:port]/path` or `user@host:path`, or the error in the URL. The default user is `git`. */
export function sshUrl(text: string): SshUrl | string {
  const long = url.exec(text);
  const [, user = usualUser, bracketed = '', port, given = ''] = long ?? withoutPort(short.exec(text)) ?? [];
  if (given === '')
    return 'must be like ssh://git@host/owner/repository.git or git@host:owner/repository.git';
  if (user.includes(':')) return 'must not carry credentials; the installation has them, by host';
  if (!userName.test(user)) return 'has an invalid user name: letters, digits and _.+- are allowed';
  const hostname = bracketed.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const isAddress = bracketed.startsWith('[');
  if (isAddress ? !isIPv6(hostname) || hostname.includes('%') : !hostName.test(hostname))
    return 'must name a host';
  const number = port === undefined || port === '' ? usualPort : Number(port);
  if (number < 1 || number > 65_535) return 'has an invalid port: 1 to 65535 are allowed';
  if (/[?#]/.test(given)) return 'must not have a query or fragment';
  const path = long ? decoded(given) : given;
  if (path === undefined || control.test(path)) return 'has an invalid path';
  if (/^[-:]/.test(path)) return 'has a path that begins with a wrong character';
  const segments = path.split('/').filter((segment) => segment !== '');
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'has a path with . or ..';
  if (segments.length === 0) return 'must name a repository';
  const name = isAddress ? `[${hostname}]` : hostname;
  const host = number === usualPort ? name : `${name}:${number}`;
  const rest = `${path.startsWith('/') ? '/' : ''}${segments.join('/')}`;
  return {
    // Git decodes the path of a URL, but uses the short form unchanged.
    href: rest.startsWith('/') ? `ssh://${user}@${host}${encodeURI(rest)}` : `${user}@${host}:${rest}`,
    host,
    hostname,
    user,
    repository: repositoryName(rest),
  };
}

/** Returns the path of a repository in the form used for comparison. */
export const repositoryName = (path: string): string => path.replace(/^\/+|(?:\.git)?\/*$/g, '');

/** Arranges the groups of the short form like those of the long one. */
const withoutPort = (groups: RegExpExecArray | null) =>
  groups && ([groups[0], groups[1], groups[2], undefined, groups[3]] as const);

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
