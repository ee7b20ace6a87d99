import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readEnv } from '@slipway/shared/config';
import { parseAllowlist } from '@slipway/shared/egress';
import { type SshServer, startSshServer } from '@slipway/shared/git/testing';
import { afterEach, inject } from 'vitest';
import { gitConfig } from '../git/config.js';
import type { NewTenant } from './add-tenants.js';
import { type RunningApi, startApi } from './start-api.js';

interface Key {
  readonly file: string;
  readonly user?: string;
  readonly tenants: readonly string[];
  readonly repositories?: readonly string[];
}

/** The settings of a server, by its name in URLs. */
export const hostOf = (server: SshServer, keys: readonly Key[], hostKeys = [server.hostKey]) => ({
  host_keys: hostKeys,
  keys: keys.map((key) => ({ user: server.user, ...key })),
});

const tenants: NewTenant[] = ['a', 'b'].map((name) => ({
  name,
  token: `${name}-token`,
  settings: { images: ['*'] },
}));

interface SetUp {
  readonly env?: Readonly<Record<string, string>>;
  readonly allow?: string;
  readonly maxSourceBytes?: number;
  /** Further variables in the environment of git and ssh. */
  readonly environment?: Readonly<Record<string, string>>;
}

let names = 0;

async function submit(api: RunningApi, git: object, token = 'token') {
  const answer = await api.call('/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ image: `r.example/a:${++names}`, push: false, source: { git } }),
  });
  return { status: answer.status, ...((await answer.json()) as Answer) };
}

interface Answer {
  readonly code?: string;
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string }[];
  readonly source?: { readonly digest: string };
  readonly vcs?: object;
}

/** Gives the tests of a file SSH servers and APIs. They end after the test. */
export function useSsh() {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const step of cleanups.splice(0).reverse()) await step();
  });
  const stopLater = <T extends { stop(): Promise<unknown> }>(part: T): T => {
    cleanups.push(() => part.stop());
    return part;
  };

  const newServer = async () => stopLater(await startSshServer());

  async function setUp(
    hosts: object,
    { env, allow = '127.0.0.0/8', maxSourceBytes = 512 * 1024, environment }: SetUp = {},
  ) {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-ssh-test-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'ssh.json');
    writeFileSync(file, JSON.stringify(hosts));
    const read = readEnv(
      {
        PATH: process.env.PATH,
        GIT_ALLOWED_SCHEMES: 'http',
        GIT_SSH_FILE: file,
        GIT_WORK_DIR: join(folder, 'work'),
        ...env,
      },
      gitConfig,
    );
    const git = { ...read, environment: { ...read.environment, ...environment } };
    const logged: string[] = [];
    const changes = { git, maxSourceBytes, egressAllow: parseAllowlist(allow), logLevel: 'trace' } as const;
    const api = stopLater(await startApi(inject('redisUrl'), changes, { tenants, logged }));
    return { api, logged, submit: (source: object, token?: string) => submit(api, source, token) };
  }

  return { cleanups, stopLater, newServer, setUp };
}
