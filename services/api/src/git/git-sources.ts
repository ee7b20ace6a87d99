import { hash } from 'node:crypto';
import type { GitSource, JobSpec } from '@slipway/shared/contracts';
import type { Allowlist } from '@slipway/shared/egress';
import { SlipwayError } from '@slipway/shared/errors';
import {
  checkedAddresses,
  fetchRepository,
  findHead,
  type Head,
  type Repository,
  type RepositoryUrl,
  repositoryUrl,
  sshAccess,
  sshKey,
  sshScope,
  sweepRepositories,
} from '@slipway/shared/git';
import type { Logger } from '@slipway/shared/logger';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import type { SourceRoom, SourceStore } from '@slipway/source';
import { z } from 'zod';
import { apiLua } from '../lua.js';
import { type OwnershipDeps, takeOwn } from '../sources/ownership.js';
import type { Account } from '../tenants/account.js';
import type { ApiGitConfig } from './config.js';
import { GitSlots } from './git-slots.js';
import { SharedRepositories } from './shared-repositories.js';

interface GitSourcesOptions {
  readonly sources: Pick<SourceStore, 'find' | 'ingest'>;
  readonly owners: OwnershipDeps['owners'];
  readonly redis: Redis;
  readonly keys: Keys;
  readonly config: ApiGitConfig;
  readonly egressAllow: Allowlist;
  /** Limit of a packed repository, in bytes. */
  readonly maxBytes: number;
  readonly logger: Logger;
}

/** Commits of refs. One request resolves each ref once, so that all its sources come from one commit. */
export type GitHeads = Map<string, Promise<Head>>;

type Source = JobSpec['source'];

interface Taking {
  readonly url: RepositoryUrl;
  readonly head: Head;
  readonly tenant: Account;
  /** Tenants with different keys share no fetched repository, since its submodules may need a key. */
  readonly scope: string | undefined;
}

/** Limit of waiting calls per running call of git. */
const waiting = 1_000;
/** Milliseconds for which the source of a folder at a commit is remembered. */
const rememberedMs = 30 * 24 * 3600 * 1_000;
/** Bytes of Redis per remembered folder, besides the prefix of its key. */
const rememberedBytes = 400;
const dayMs = 24 * 3600 * 1_000;

const rememberScript = defineScript({
  folder: apiLua,
  file: 'git/remember',
  args: z.object({
    tenant: z.string(),
    id: z.string(),
    digest: z.string(),
    kept_ms: z.int(),
    bytes: z.int(),
  }),
});

/** Fetches sources that are folders of git repositories. */
export class GitSources {
  readonly #options: GitSourcesOptions;
  readonly #slots: GitSlots;
  readonly #repositories = new SharedRepositories();
  readonly #taking = new Map<string, Promise<Source>>();
  readonly #stopping = new AbortController();

  constructor(options: GitSourcesOptions) {
    this.#options = options;
    this.#slots = new GitSlots({ atOnce: options.config.concurrency, waiting });
  }

  /**
   * Stores the folder at the commit of its ref as a source of the tenant. A source that is still stored is not fetched again. Throws
   * `git_*`, and the errors of the source store. One tenant does not block another.
   */
  async take(git: GitSource, tenant: Account, heads: GitHeads = new Map()): Promise<Source> {
    const { config } = this.#options;
    const url = repositoryUrl(git.url, config);
    // Checked for known sources as well: the tenant may have lost the key.
    if (url.ssh) sshKey({ url: url.ssh, tenant: tenant.name, config });
    const scope = sshScope(config.ssh, tenant.name);
    const head = await once(heads, JSON.stringify([url.href, git.ref]), () =>
      this.#slots.run(tenant.name, async () => findHead(git.ref, await this.#repository(url, tenant))),
    );
    const known = await this.#known(folderId(url, head.commit, git, scope), git, head.commit);
    if (known) return known;
    // Each tenant has a quota of its own.
    const key = JSON.stringify([tenant.name, url.href, head, git.path, git.submodules]);
    const taking = once(this.#taking, key, () =>
      this.#take(git, { url, head, tenant, scope }).finally(() => this.#taking.delete(key)),
    );
    const { digest, git: taken } = await taking;
    return { digest, git: { ...git, commit: taken?.commit ?? head.commit } };
  }

  /** Kills running calls and removes fetched repositories. */
  async close(): Promise<void> {
    this.#stopping.abort(new SlipwayError('draining'));
    await this.#repositories.close();
  }

  /** Removes the files of killed processes. */
  async sweep(): Promise<void> {
    await sweepRepositories(this.#options.config.workDir, dayMs);
  }

  async #repository(url: RepositoryUrl, tenant: Account) {
    const { config, egressAllow, maxBytes } = this.#options;
    const checked = async (each: RepositoryUrl) => ({
      url: each,
      resolve: await checkedAddresses({ url: each, config, egressAllow }),
      ssh: each.ssh && (await sshAccess({ url: each.ssh, tenant: tenant.name, config, egressAllow })),
    });
    const check = (text: string) => checked(repositoryUrl(text, config));
    return { ...(await checked(url)), config, check, maxBytes, stopping: this.#stopping.signal };
  }

  async #known(id: string, git: GitSource, commit: string): Promise<Source | undefined> {
    const { redis, keys, sources } = this.#options;
    const digest = await redis.get(keys.gitSource(id));
    if (digest === null || !(await sources.find(digest))) return undefined;
    return { digest, git: { ...git, commit } };
  }

  async #take(git: GitSource, { url, head, tenant, scope }: Taking): Promise<Source> {
    const { redis, keys, logger } = this.#options;
    const begun = performance.now();
    const fetch = () =>
      this.#slots.run(tenant.name, async () => fetchRepository(head, await this.#repository(url, tenant)));
    return await this.#repositories.use(
      JSON.stringify([url.href, head, scope]),
      fetch,
      async (repository) => {
        const digest = await this.#slots.run(tenant.name, () => this.#store(repository, git, tenant));
        // The ref may have moved since it was resolved; the fetched commit counts.
        const { commit } = repository;
        const id = folderId(url, commit, git, scope);
        const bytes = rememberedBytes + keys.base.length;
        await rememberScript.run(
          { redis, keys },
          { tenant: tenant.name, id, digest, kept_ms: rememberedMs, bytes },
        );
        logger.info(
          { host: url.host, commit, digest, duration_ms: Math.round(performance.now() - begun) },
          'fetched from git',
        );
        return { digest, git: { ...git, commit } };
      },
    );
  }

  async #store(repository: Repository, git: GitSource, tenant: Account): Promise<string> {
    const { sources, owners } = this.#options;
    try {
      const ingest = (room: SourceRoom) =>
        sources.ingest(repository.archive(git.path, git.submodules), { room });
      return (await takeOwn(tenant, { owners }, ingest)).digest;
    } catch (error) {
      if (!(error instanceof SlipwayError) || error.errors) throw error;
      // The source store does not know where the source came from, so the path is added here.
      throw new SlipwayError(error.code, error.message, {
        cause: error,
        errors: [{ path: '/source/git', message: error.message }],
      });
    }
  }
}

const folderId = (
  url: RepositoryUrl,
  commit: string,
  { path = '', submodules }: GitSource,
  scope: string | undefined,
) =>
  hash(
    'sha256',
    JSON.stringify([url.href, commit, path, submodules ?? 'undecided', ...(scope ? [scope] : [])]),
  );

/** Returns the promise stored under this key, or starts a new one. */
async function once<T>(map: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const there = map.get(key);
  if (there !== undefined) return await there;
  const made = make();
  map.set(key, made);
  return await made;
}
