import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fields, Secret } from '@slipway/shared/config';
import { type GitConfig, type GitScheme, gitSchemes, type SshHost } from '@slipway/shared/git';
import { readSshFile } from './ssh-file.js';

export interface ApiGitConfig extends GitConfig {
  /** Limit of concurrent calls of git; further calls wait. The work folder needs space for this number times two of the largest source. */
  readonly concurrency: number;
  readonly ssh: ReadonlyMap<string, SshHost>;
}

const mebibyte = 1024 * 1024;
/** Variables that git needs to reach the network. */
const inherited = [
  'PATH',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'HTTPS_PROXY',
  'NO_PROXY',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'GIT_SSL_CAINFO',
];

export function gitConfig(fields: Fields): ApiGitConfig {
  return {
    allowedSchemes:
      fields.parsed('GIT_ALLOWED_SCHEMES', {
        doc: 'Comma-separated, of `https`, `http`, `file`: how repositories of jobs may be fetched. Over ssh only from the hosts of `GIT_SSH_FILE`',
        parse: parseSchemes,
        default: 'https',
      }) ?? [],
    allowedHosts:
      fields.optionalParsed('GIT_ALLOWED_HOSTS', {
        doc: 'Comma-separated `host` or `host:port`: only these hosts are allowed, and they may have private addresses',
        shownDefault: 'any',
        parse: parseHosts,
      }) ?? [],
    credentials:
      fields.optionalParsed('GIT_CREDENTIALS_FILE', {
        doc: 'A JSON file of credentials by host; [Git repositories](git.md#git-repositories)',
        parse: readCredentials,
      }) ?? new Map(),
    ssh: readSsh(fields),
    timeoutMs: fields.int('GIT_TIMEOUT_MS', { doc: 'Of each call of git', default: 120_000, min: 1 }),
    memoryBytes: fields.int('GIT_MEMORY_BYTES', {
      doc: 'Address space of each git process, at least 64 MiB (Linux). Beyond it a job gets `git_memory_exceeded`. The container needs this beside its heap, times `GIT_CONCURRENCY`',
      default: 512 * mebibyte,
      min: 64 * mebibyte,
    }),
    concurrency: fields.int('GIT_CONCURRENCY', {
      doc: 'Concurrent calls of git per API, one of them for other tenants than the one with the rest. 1,000 more wait, 500 of one tenant; beyond that `git_busy`',
      default: 4,
      min: 1,
      max: 100,
    }),
    workDir: fields.string('GIT_WORK_DIR', {
      doc: 'Where repositories lie while they are fetched. It needs up to `GIT_CONCURRENCY` + 4 times `MAX_SOURCE_BYTES`',
      shownDefault: '`<tmp>/slipway-git`',
      default: join(tmpdir(), 'slipway-git'),
    }),
    environment: fields.inherited(inherited),
  };
}

function readSsh(fields: Fields): ReadonlyMap<string, SshHost> {
  const { PATH: searchPath = '' } = fields.inherited(['PATH']);
  const hosts = fields.optionalParsed('GIT_SSH_FILE', {
    doc: 'A JSON file of hosts and keys; [Git over ssh](git.md#git-over-ssh)',
    parse: (path) => readSshFile(path, searchPath),
  });
  return hosts ?? new Map();
}

function parseSchemes(text: string): GitScheme[] {
  return text.split(',').map((item) => {
    const scheme = gitSchemes.find((each) => each === item.trim());
    if (!scheme) throw new Error(`must hold some of ${gitSchemes.join(', ')}, separated by commas`);
    return scheme;
  });
}

function parseHosts(text: string): string[] {
  const hosts = text.split(',').map((item) => item.trim().toLowerCase());
  return hosts.filter((host) => {
    if (host !== '' && (!URL.canParse(`ssh://${host}`) || new URL(`ssh://${host}`).host !== host))
      throw new Error(`holds '${host}', which is no host[:port]`);
    return host !== '';
  });
}

/** Reads `{"<host>": {"username": …, "password": …} | {"token": …}}`. Its errors never quote the file. */
function readCredentials(path: string): ReadonlyMap<string, Secret> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new Error(`cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'no such file'}`);
  }
  return new Map(
    Object.entries(parsedObject(text)).map(([host, entry]) => [host.toLowerCase(), header(entry)]),
  );
}

function parsedObject(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The error of the parser quotes the file.
    throw new Error('does not name a file of JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(shape);
  return value;
}

const shape =
  'must name a file like {"git.example.com": {"username": "…", "password": "…"}, "github.com": {"token": "…"}}';

function header(entry: unknown): Secret {
  const { username, password, token } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  // The user name that GitHub expects; GitLab and Gitea accept any name beside a token.
  const name = username ?? (token === undefined ? undefined : 'x-access-token');
  const word = password ?? token;
  if (typeof name !== 'string' || typeof word !== 'string' || name.includes(':')) throw new Error(shape);
  return new Secret(`Basic ${Buffer.from(`${name}:${word}`).toString('base64')}`);
}
