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
    allowedSchemes: fields.parsed('GIT_ALLOWED_SCHEMES', parseSchemes, 'https') ?? [],
    allowedHosts: fields.parsed('GIT_ALLOWED_HOSTS', parseHosts, ' ') ?? [],
    credentials: fields.parsed('GIT_CREDENTIALS_FILE', readCredentials, ' ') ?? new Map(),
    ssh: readSsh(fields),
    timeoutMs: fields.int('GIT_TIMEOUT_MS', { default: 120_000, min: 1 }),
    memoryBytes: fields.int('GIT_MEMORY_BYTES', { default: 512 * mebibyte, min: 64 * mebibyte }),
    concurrency: fields.int('GIT_CONCURRENCY', { default: 4, min: 1, max: 100 }),
    workDir: fields.string('GIT_WORK_DIR', join(tmpdir(), 'slipway-git')),
    environment: Object.fromEntries(
      inherited.flatMap((name) => {
        const value = fields.optional(name);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  };
}

function readSsh(fields: Fields): ReadonlyMap<string, SshHost> {
  const searchPath = fields.optional('PATH') ?? '';
  return fields.parsed('GIT_SSH_FILE', (path) => readSshFile(path.trim(), searchPath), ' ') ?? new Map();
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
  if (path.trim() === '') return new Map();
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
