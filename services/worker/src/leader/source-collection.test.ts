import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JobStore } from '@slipway/control-plane/jobs';
import { TemplateStore } from '@slipway/control-plane/templates';
import { type RedisTopology, startRedis, startRedisCluster } from '@slipway/local';
import { type BlobStore, openBlobStore } from '@slipway/shared/blobs';
import { type JobSpec, jobSpecSchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { newId } from '@slipway/shared/ids';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, primaryFinder, redisKeys } from '@slipway/shared/redis';
import { createSourceStore, packFiles, SourceOwners, SourceUses } from '@slipway/source';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { SourceCollection } from './source-collection.js';

const logger = createLogger({ name: 'test', level: 'fatal' });
const tenant = { name: 'default', weight: 1 };
const limits = { maxArchiveBytes: 1e6, maxBytes: 1e6, maxFiles: 100, maxRatio: 200 };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanups.splice(0).reverse()) await step();
});

// One for these tests: a round reads all keys of the server, and other tests have many there.
let server: Awaited<ReturnType<typeof startRedis>>;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

let prefixes = 0;

interface Place {
  readonly url: string;
  readonly prefix: string;
  /** Default: `request`. */
  readonly mode?: 'request' | 'patient';
}

const newPrefix = () => `collection-${process.pid}-${++prefixes}`;

async function setUp({ url, prefix, mode = 'request' }: Place = { url: server.url, prefix: newPrefix() }) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-collection-'));
  cleanups.push(() => rmSync(folder, { recursive: true }));
  const owned = new Cleanups();
  cleanups.push(() => owned.run(logger));
  const finder = primaryFinder({ url, prefix, logger });
  const redis = connectRedis({ url, finder, name: 'test', logger, cleanups: owned, mode });
  const keys = redisKeys(prefix);
  const blobs = await openBlobStore(`file://${folder}`);
  const uses = new SourceUses({ redis, keys });
  const owners = new SourceOwners({ redis, keys });
  const sources = createSourceStore({ blobs, limits, claims: uses });
  const store = new JobStore({ redis, keys });
  const collection = (graceMs: number) =>
    new SourceCollection({ redis, keys, blobs, uses, owners, graceMs, logger, restMs: 0 });
  let images = 0;
  const spec = (digest: string, changes: object = {}): JobSpec =>
    jobSpecSchema.parse({ image: `r.example/f${++images}:1`, source: { digest }, ...changes });
  return {
    redis,
    keys,
    blobs,
    uses,
    owners,
    sources,
    store,
    collection,
    spec,
    upload: async (text: string) => (await sources.ingest(archive(text))).digest,
    async submit(digest: string, changes: object = {}) {
      const id = newId('job');
      await store.create(id, spec(digest, changes), { tenant });
      return id;
    },
    async forget(id: string) {
      await store.cancel(id);
      const record = await store.get(id);
      if (!record) throw new Error('it is gone');
      expect(await store.remove(record, Number.MAX_SAFE_INTEGER)).toBe(true);
    },
    /** Runs rounds until one has looked at all that was idle. */
    async collect(collector: SourceCollection, rounds = 2) {
      for (let round = 0; round < rounds; round++)
        for (let step = 0; step < 50; step++) await collector.run();
    },
    stored: () => {
      const names = readdirSync(folder, { withFileTypes: true }).map(({ name }) => name);
      return names.includes('sources') ? readdirSync(join(folder, 'sources')).sort() : [];
    },
  };
}

async function* archive(text: string) {
  yield* packFiles({ Dockerfile: `FROM scratch\n# ${text}\n` });
}

const names = (...digests: string[]) =>
  digests.flatMap((digest) => [`${digest.slice(7)}.json`, `${digest.slice(7)}.tar`]).sort();

describe('the collection of sources', () => {
  it('removes what nothing refers to, and nothing that a job, a function or a template does', async () => {
    const { redis, keys, owners, collection, upload, submit, forget, collect, stored } = await setUp();
    const [byJob, asTemplate, byFunction, byTemplate, unused] = await Promise.all(
      ['job', 'laid under', 'function', 'template', 'unused'].map(upload),
    );
    if (!byJob || !asTemplate || !byFunction || !byTemplate || !unused) throw new Error('not stored');
    await owners.add('default', { digest: unused, bytes: 5 });
    await owners.add('default', { digest: byJob, bytes: 7 });
    const job = await submit(byJob, {
      template: { name: 't', digest: asTemplate, handler_folder: 'function' },
    });
    await forget(await submit(byFunction, { function: 'hello' }));
    const settings = { handler_folder: 'function', build_options: [] };
    await new TemplateStore({ redis, keys }).put({
      tenant: 'default',
      name: 't',
      digest: byTemplate,
      settings,
    });
    const collector = collection(0);
    await collect(collector);
    expect(await redis.get(keys.sourceBytes('default'))).toBe('7');
    expect(stored()).toEqual(names(byJob, asTemplate, byFunction, byTemplate));
    await forget(job);
    await collect(collector);
    expect(stored()).toEqual(names(byFunction, byTemplate));
  });

  it('is noticed by who has found a source before, and who writes it again finds it', async () => {
    const { sources, collection, upload, collect, stored } = await setUp();
    const digest = await upload('found');
    const info = await sources.find(digest);
    expect(info).toMatchObject({ digest, files: 1 });
    await collect(collection(0));
    expect(stored()).toEqual([]);
    expect(await sources.find(digest)).toBeUndefined();
    await upload('found');
    expect(await sources.find(digest)).toEqual(info);
  });

  it('leaves what was used within the grace time, be it only looked for', async () => {
    const { redis, keys, sources, collection, upload, collect, stored } = await setUp();
    const [old, found] = await Promise.all(['old', 'found'].map(upload));
    if (!old || !found) throw new Error('not stored');
    for (const digest of [old, found]) await redis.zadd(keys.sourcesUsed, Date.now() - 3_600_000, digest);
    expect(await sources.find(found)).toBeDefined();
    await collect(collection(1_800_000));
    expect(stored()).toEqual(names(found));
    expect(await sources.find(old)).toBeUndefined();
  });

  it('takes what it finds stored without a note for used now, and removes it a grace time later', async () => {
    const { redis, keys, collection, upload, collect, stored } = await setUp();
    const digest = await upload('unnoted');
    await redis.del(keys.sourcesUsed);
    await collect(collection(3_600_000));
    expect(await redis.zscore(keys.sourcesUsed, digest)).not.toBeNull();
    expect(stored()).toEqual(names(digest));
    await collect(collection(0));
    expect(stored()).toEqual([]);
  });

  it('waits while the blob store is away, and loses nothing', async () => {
    const { blobs, uses, owners, redis, keys, upload, submit, collect, stored } = await setUp();
    const [used, unused] = [await upload('used'), await upload('unused')];
    await submit(used);
    let isAway = true;
    const away = async () => {
      if (isAway) throw new SlipwayError('storage_unavailable');
    };
    const breaking: Pick<BlobStore, 'list' | 'removeAll'> = {
      list: blobs.list,
      async removeAll(names, options) {
        await away();
        await blobs.removeAll(names, options);
      },
    };
    const options = { redis, keys, uses, owners, logger, restMs: 0 };
    const collector = new SourceCollection({ ...options, blobs: breaking, graceMs: 0 });
    await expect(collect(collector)).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(stored()).toEqual(names(used, unused));
    // Condemned: its removal is finished by a later round, however much later.
    isAway = false;
    await redis.zadd(keys.sourcesRemoving, 1, unused);
    await collect(collector);
    expect(stored()).toEqual(names(used));
  });

  it('takes a listing that is late for what it is: sources that are gone come back to nothing', async () => {
    const { blobs, uses, owners, redis, keys, sources, upload, collect, stored, collection } = await setUp();
    const digest = await upload('gone');
    await collect(collection(0), 3);
    expect(stored()).toEqual([]);
    const late: Pick<BlobStore, 'list' | 'removeAll'> = {
      async *list() {
        yield [`sources/${digest.slice(7)}.json`, `sources/${digest.slice(7)}.tar`];
      },
      removeAll: blobs.removeAll,
    };
    const options = { redis, keys, uses, owners, logger, restMs: 0 };
    await collect(new SourceCollection({ ...options, blobs: late, graceMs: 0 }), 3);
    expect(await sources.find(digest)).toBeUndefined();
    expect(await upload('gone')).toBe(digest);
    expect(await sources.find(digest)).toBeDefined();
  });

  it('refuses references to a source in removal, makes uploads wait for it, and finishes removals of a dead leader', async () => {
    const { redis, keys, uses, sources, collection, upload, submit, collect, stored } = await setUp();
    const digest = await upload('going');
    const { since } = await uses.idle(-1, 0);
    expect(await uses.condemn(since, [digest])).toEqual([digest]);
    await expect(submit(digest)).rejects.toMatchObject({ code: 'source_not_found' });
    expect(await sources.find(digest)).toBeUndefined();
    const uploading = upload('going');
    // The leader that condemned it has died. A minute later this leader removes it.
    await redis.zadd(keys.sourcesRemoving, Date.now() - 120_000, digest);
    await collect(collection(3_600_000), 1);
    expect(await uploading).toBe(digest);
    expect(stored()).toEqual(names(digest));
    await submit(digest);
  });

  it('never takes a source from an accepted job, however much is uploaded, submitted and collected at once', async () => {
    const { redis, keys, sources, uses, owners, blobs, store, spec, upload, collection, forget, stored } =
      await setUp();
    const second = createSourceStore({ blobs, limits, claims: uses });
    const texts = Array.from({ length: 6 }, (_, n) => `text ${n}`);
    const seen = { accepted: 0, refused: 0, removed: 0 };
    const wanted = { accepted: 1_000, refused: 20, removed: 200 };
    const enough = () =>
      Object.entries(wanted).every(([name, count]) => seen[name as keyof typeof seen] >= count);
    const whole = async (digest: string) => {
      expect(await second.manifest(digest)).toBeDefined();
      const tar = await second.openTar(digest);
      expect(tar).toBeDefined();
      await tar?.close();
    };
    const waiting: (() => void)[] = [];
    let working = 8;
    const rounds = async (count: number) => {
      for (let n = 0; n < count; n++) await new Promise<void>((resolve) => waiting.push(resolve));
    };
    const client = async (number: number) => {
      const held: { id: string; digest: string }[] = [];
      for (let n = number; !enough(); n++) {
        const digest = await upload(texts[n % texts.length] as string);
        // As a request does: it looks for the source, and writes a record that refers to it later on.
        if (!(await second.find(digest))) continue;
        if (n % 3 === 0) await rounds(3);
        const id = newId('job');
        try {
          await store.create(id, spec(digest), { tenant });
          held.push({ id, digest });
          seen.accepted++;
          await whole(digest);
        } catch (error) {
          if ((error as { code?: string }).code !== 'source_not_found') throw error;
          seen.refused++;
        }
        if (held.length > n % 4) {
          for (const job of held.splice(0)) {
            await whole(job.digest);
            await forget(job.id);
          }
        }
      }
      for (const job of held) {
        await whole(job.digest);
        await forget(job.id);
      }
    };
    const counting = {
      list: blobs.list,
      async removeAll(keys: readonly string[]) {
        await blobs.removeAll(keys);
        seen.removed += keys.length;
      },
    };
    const leader = async () => {
      const options = { redis, keys, uses, owners, graceMs: 0, logger, restMs: 0 };
      const collector = new SourceCollection({ ...options, blobs: counting });
      while (working > 0) {
        // Some steps make a round, even of nothing.
        for (let step = 0; step < 10; step++) await collector.run();
        for (const go of waiting.splice(0)) go();
      }
    };
    const clients = Array.from({ length: working }, (_, n) => client(n).finally(() => working--));
    await Promise.all([...clients, leader(), leader()]);
    expect(await sources.find('sha256:none')).toBeUndefined();
    const last = collection(0);
    for (let step = 0; stored().length > 0; step++) {
      expect(step).toBeLessThan(1_000);
      await last.run();
    }
  });
});

/** Counts the rounds of a collection, which each begin with this question. */
class CountedUses extends SourceUses {
  rounds = 0;

  override idle(...args: Parameters<SourceUses['idle']>): ReturnType<SourceUses['idle']> {
    this.rounds++;
    return super.idle(...args);
  }
}

describe('the collection of sources on a Redis Cluster', () => {
  let cluster: RedisTopology;
  beforeAll(async () => {
    cluster = await startRedisCluster();
  });
  afterAll(() => cluster?.stop());

  /** Returns a prefix for each of the three primaries, with the keys there. */
  async function prefixOfEachPrimary(): Promise<string[]> {
    const found = new Map<number, string>();
    while (found.size < 3) {
      const prefix = newPrefix();
      found.set((await cluster.primaryOf(`{${prefix}}:x`)).port, prefix);
    }
    return [...found.values()];
  }

  it('keeps sources in use and removes the others, whichever node has the keys', async () => {
    for (const prefix of await prefixOfEachPrimary()) {
      const { collection, upload, submit, collect, stored } = await setUp({ url: cluster.url, prefix });
      const [used, unused] = await Promise.all(['used', 'unused'].map(upload));
      if (!used || !unused) throw new Error('not stored');
      await submit(used);
      await collect(collection(0));
      expect(stored(), prefix).toEqual(names(used));
    }
  });

  it('removes nothing in a round in which another node becomes the primary', async () => {
    const prefix = newPrefix();
    const test = await setUp({ url: cluster.url, prefix, mode: 'patient' });
    const { redis, keys, blobs, owners, upload, submit, stored } = test;
    const [used, unused] = await Promise.all(['used', 'unused'].map(upload));
    if (!used || !unused) throw new Error('not stored');
    await submit(used);
    const uses = new CountedUses({ redis, keys });
    const collector = new SourceCollection({
      ...{ redis, keys, blobs, uses, owners, logger },
      ...{ graceMs: 0, restMs: 0 },
    });
    const runUntilRound = async (round: number) => {
      while (uses.rounds < round) await collector.run();
    };
    await runUntilRound(1);
    const runId = async () => {
      // A command without a key is not refused by the former primary.
      await redis.get(keys.base);
      return /^run_id:(\w+)/m.exec(await redis.info('server'))?.[1];
    };
    const before = await runId();
    await cluster.failover(keys.base);
    await expect.poll(runId).not.toBe(before);
    await runUntilRound(2);
    expect(stored()).toEqual(names(used, unused));
    await runUntilRound(3);
    expect(stored()).toEqual(names(used));
  });
});
