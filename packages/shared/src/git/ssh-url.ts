import { isIPv6 } from 'node:net';

/** The parts of a URL of ssh, each found to be harmless in an argument of git or ssh. */
export interface SshUrl {
  /** One spelling for all URLs of the same meaning. */
  readonly href: string;
  /** `host`, or `host:port` unless the port is 22; lower case. */
  readonly host: string;
  /** A name or an address, without brackets. */
  readonly hostname: string;
  readonly user: string;
  /** Of the repository, without slashes around it and without `.git`. */
  readonly repository: string;
}

const usualUser = 'git';
const usualPort = 22;
const url = /^ssh:\/\/(?:([^@/]*)@)?(\[[^\]]*\]|[^/:@[\]]*)(?::(\d*))?(\/[\s\S]*)$/i;
/** `user@host:path`, as scp has it. The path begins at the home of the user, or at the root of the server if it begins with `/`. */
const short = /^([^@/:]+)@([^@/:[\]]+):([\s\S]+)$/;
const userName = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/;
const hostName = /^(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/;
const control = /[\p{Cc}\p{Cs}]/u;

/** Returns whether a text is meant as a URL of ssh. */
export const isSshUrl = (text: string): boolean => /^ssh:/i.test(text) || short.test(text);

/** Returns the parts of `ssh://[user@]host[:port]/path` or `user@host:path`, or what is wrong with the URL. Without a user it is `git`. */
export function sshUrl(text: string): SshUrl | string {
  const long = url.exec(text);
  const [, user = usualUser, bracketed = '', port, given = ''] = long ?? withoutPort(short.exec(text)) ?? [];
  if (given === '')
    return 'must be like ssh://git@host/owner/repository.git or git@host:owner/repository.git';
  if (user.includes(':')) return 'must not carry credentials; the installation has them, by host';
  if (!userName.test(user)) return 'names a user that is none: letters, digits and _.+- are allowed';
  const hostname = bracketed.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  const isAddress = bracketed.startsWith('[');
  if (isAddress ? !isIPv6(hostname) || hostname.includes('%') : !hostName.test(hostname))
    return 'must name a host';
  const number = port === undefined || port === '' ? usualPort : Number(port);
  if (number < 1 || number > 65_535) return 'has a port that is none: 1 to 65535';
  if (/[?#]/.test(given)) return 'must not have a query or fragment';
  const path = long ? decoded(given) : given;
  if (path === undefined || control.test(path)) return 'has a path that is none';
  if (/^[-:]/.test(path)) return 'has a path that begins with a wrong character';
  const segments = path.split('/').filter((segment) => segment !== '');
  if (segments.some((segment) => segment === '.' || segment === '..')) return 'has a path with . or ..';
  if (segments.length === 0) return 'must name a repository';
  const name = isAddress ? `[${hostname}]` : hostname;
  const host = number === usualPort ? name : `${name}:${number}`;
  const rest = `${path.startsWith('/') ? '/' : ''}${segments.join('/')}`;
  return {
    // Git decodes the path of a URL, and takes the short form as it is.
    href: rest.startsWith('/') ? `ssh://${user}@${host}${encodeURI(rest)}` : `${user}@${host}:${rest}`,
    host,
    hostname,
    user,
    repository: repositoryName(rest),
  };
}

/** Returns the path of a repository in the form that paths are compared in. */
export const repositoryName = (path: string): string => path.replace(/^\/+|(?:\.git)?\/*$/g, '');

/** The groups of the short form at the places that the long one has them. */
const withoutPort = (groups: RegExpExecArray | null) =>
  groups && ([groups[0], groups[1], groups[2], undefined, groups[3]] as const);

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}
