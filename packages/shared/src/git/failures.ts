import { type ErrorCode, SlipwayError, shownValue } from '../errors/index.js';
import type { GitExit } from './command.js';

interface Pattern {
  readonly match: RegExp;
  readonly code: ErrorCode;
  readonly detail: string;
  /** The request field with the error. */
  readonly field: 'url' | 'ref' | 'path' | 'submodules';
}

export const unusableKey =
  'Ssh cannot use the key file that the installation has for the repository: it is missing or damaged, or its permissions are wrong.';

/** Messages of ssh. `Could not read from remote repository` follows each of its failures. */
const sshPatterns: readonly Pattern[] = [
  {
    match:
      /host identification has changed|host key is known for|host key verification failed|no matching host key type/i,
    code: 'git_host_key_unknown',
    detail: 'The server shows none of the host keys that are configured for it.',
    field: 'url',
  },
  {
    match: /^load key "|permissions .* are too open/im,
    code: 'git_unauthorized',
    detail: unusableKey,
    field: 'url',
  },
  {
    match: /^\S+: permission denied \(/im,
    code: 'git_unauthorized',
    detail: 'The server refuses the ssh key that the installation has for the repository.',
    field: 'url',
  },
  {
    match: /^ssh: connect to host/im,
    code: 'git_unreachable',
    detail: 'No connection to the server.',
    field: 'url',
  },
  {
    match: /cannot run ssh|ssh: (?:command )?not found|no user exists for uid/i,
    code: 'git_unreachable',
    detail: 'The ssh client of the installation cannot start.',
    field: 'url',
  },
];

/** Messages of git in English, and their codes. The first match wins. */
const patterns: readonly Pattern[] = [
  ...sshPatterns,
  {
    match: /out of memory|cannot allocate memory|(?:mmap|malloc|realloc|calloc) failed|died of signal/i,
    code: 'git_memory_exceeded',
    detail: 'Git needs more memory than its limit: a file of the repository is too large for it.',
    field: 'url',
  },
  {
    match: /unadvertised object/i,
    code: 'git_ref_not_found',
    detail: 'The server hands out no commits by their id; name a branch or tag.',
    field: 'ref',
  },
  {
    match: /couldn't find remote ref|not our ref|no such remote ref|needed a single revision/i,
    code: 'git_ref_not_found',
    detail: 'The repository has no such branch, tag or commit.',
    field: 'ref',
  },
  {
    match:
      /not a valid object name|invalid object name|not a tree object|pathspec .* did not match|does not exist in '/i,
    code: 'git_path_not_found',
    detail: 'The folder does not exist at this commit.',
    field: 'path',
  },
  {
    match:
      /authentication failed|could not read (?:username|password)|terminal prompts disabled|error: 40[13]\b|access denied/i,
    code: 'git_unauthorized',
    detail: 'The repository needs credentials, or other credentials than the installation has for its host.',
    field: 'url',
  },
  {
    match: /redirection|error: 30\d\b/i,
    code: 'git_unreachable',
    detail: 'The URL redirects, and Slipway follows no redirects; use the final URL.',
    field: 'url',
  },
  {
    match:
      /error: 404\b|repository .*not found|does not appear to be a git repository|repository .* does not exist|cannot find repository|project .* could not be found/i,
    code: 'git_unreachable',
    detail: 'There is no repository at this URL, or it needs credentials.',
    field: 'url',
  },
  {
    match: /transport .* not allowed/i,
    code: 'git_url_invalid',
    detail: 'The protocol of the repository is not allowed.',
    field: 'url',
  },
  {
    match: /could not resolve host/i,
    code: 'git_unreachable',
    detail: 'The host of the repository has no address.',
    field: 'url',
  },
  {
    match: /certificate|ssl/i,
    code: 'git_unreachable',
    detail: 'The certificate of the host is not trusted.',
    field: 'url',
  },
  {
    match: /fsck error|error in object|index-pack failed|bad object|bad tree|corrupt/i,
    code: 'source_corrupt',
    detail: 'The repository holds broken objects.',
    field: 'url',
  },
  {
    match: /no space left on device/i,
    code: 'storage_full',
    detail: 'There is no room to fetch the repository.',
    field: 'url',
  },
];

const unknown: Pattern = {
  match: /^/,
  code: 'git_unreachable',
  detail: 'The repository could not be fetched.',
  field: 'url',
};

/** The values of a git call by request field, for errors. */
type About = Partial<Record<Pattern['field'], string | undefined>>;

/** Returns true if git failed before the server accepted the ssh connection. */
export const connectionFailed = ({ code, stderr }: GitExit): boolean =>
  code !== 0 && /^ssh: connect to host/m.test(stderr);

/** Returns the error of a failed git call, with the value at fault. Omits git's own text, which may hold secrets. */
export function gitFailure({ code: exit, stderr }: GitExit, about: About): SlipwayError {
  // Slipway did not kill git, so the kernel did.
  const said = exit === null ? 'out of memory' : stderr;
  const { code, detail, field } = patterns.find(({ match }) => match.test(said)) ?? unknown;
  const value = about[field];
  return gitError(
    code,
    value === undefined ? detail : detail.replace(/\.$/, `: ${shownValue(value)}.`),
    field,
  );
}

export function gitError(code: ErrorCode, detail: string, field: Pattern['field']): SlipwayError {
  return new SlipwayError(code, detail, { errors: [{ path: `/source/git/${field}`, message: detail }] });
}
