import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type RegistryHandle, startRegistry, temporaryFolder } from '@slipway/local';
import { newId } from '@slipway/shared/ids';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { type Behaviour, held, type Replica, startReplica, stream, success } from '../testing/replica.js';
import { createInstallation, type Installation, payloadSecret, tenant } from '../testing/start-worker.js';
import { pathsOf, startTraced } from '../testing/traced.js';
import { imageIndex } from './image-index.js';
import { openRepository } from './registry.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let registry: RegistryHandle;
beforeAll(async () => {
  folder = await temporaryFolder();
  registry = await startRegistry({
    dir: join(folder.path, 'registry'),
    logFile: join(folder.path, 'registry.log'),
  });
});
afterAll(async () => {
  await registry?.stop();
  await folder.remove();
});

const digestOf = (content: string) => `sha256:${createHash('sha256').update(content).digest('hex')}`;
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

async function put(url: string, content: string, type: string): Promise<string> {
  const answer = await fetch(url, { method: 'PUT', body: content, headers: { 'content-type': type } });
  expect(answer.status).toBe(201);
  return digestOf(content);
}

/** Pushes an image of nothing, as a builder would. Returns its digest. */
async function pushImage(host: string, path: string, tag: string, architecture: string) {
  const config = JSON.stringify({ os: 'linux', architecture, rootfs: { type: 'layers', diff_ids: [] } });
  const begun = await fetch(`http://${host}/v2/${path}/blobs/uploads/`, { method: 'POST' });
  const upload = new URL(begun.headers.get('location') ?? '', `http://${host}`);
  upload.searchParams.set('digest', digestOf(config));
  await put(upload.href, config, 'application/octet-stream');
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: manifestType,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(config),
      size: config.length,
    },
    layers: [],
  });
  const digest = await put(`http://${host}/v2/${path}/manifests/${tag}`, manifest, manifestType);
  return { digest, size: manifest.length };
}

async function indexAt(host: string, path: string, reference: string) {
  const answer = await fetch(`http://${host}/v2/${path}/manifests/${reference}`, {
    headers: { accept: indexType },
  });
  return {
    status: answer.status,
    digest: answer.headers.get('docker-content-digest'),
    body: (await answer.json()) as { manifests: unknown },
  };
}

describe('an index of parts', () => {
  const manifest = (digest: string, platforms: string[]) => ({
    mediaType: manifestType,
    digest,
    size: 7,
    body: {},
    platforms,
  });

  it('holds single manifests under the platform that was asked for, and the entries of indexes as they stand', () => {
    const attested = [
      {
        mediaType: manifestType,
        digest: `sha256:${'b'.repeat(64)}`,
        size: 8,
        platform: { os: 'linux', architecture: 'amd64' },
      },
      {
        mediaType: manifestType,
        digest: `sha256:${'c'.repeat(64)}`,
        size: 9,
        platform: { os: 'unknown', architecture: 'unknown' },
        annotations: { 'vnd.docker.reference.digest': `sha256:${'b'.repeat(64)}` },
      },
    ];
    const index = {
      mediaType: indexType,
      digest: 'sha256:i',
      size: 1,
      body: { manifests: attested },
      platforms: [],
    };
    expect(JSON.parse(imageIndex([manifest('sha256:a', ['linux/arm/v7']), index]))).toEqual({
      schemaVersion: 2,
      mediaType: indexType,
      manifests: [
        {
          mediaType: manifestType,
          digest: 'sha256:a',
          size: 7,
          platform: { os: 'linux', architecture: 'arm', variant: 'v7' },
        },
        ...attested,
      ],
    });
  });

  it('is none of entries that are not descriptors', () => {
    for (const entry of [{ digest: 'sha256:b', mediaType: manifestType, size: 1 }, { size: 1 }, 'text']) {
      const part = {
        ...manifest('sha256:i', ['linux/amd64']),
        mediaType: indexType,
        body: { manifests: [entry] },
      };
      expect(() => imageIndex([part])).toThrow(/does not hold an image for each/);
    }
  });

  it('is none of a part that holds one image in place of several', () => {
    const part = manifest('sha256:a', ['linux/amd64', 'linux/386']);
    expect(() => imageIndex([part])).toThrow(/does not hold an image for each/);
  });
});

describe('a repository', () => {
  const config = (changes: object = {}) => ({
    insecureRegistries: [],
    dockerConfig: folder.path,
    helperEnv: {},
    ...changes,
  });

  it('is reached over plain http where that is allowed, by whatever name', async () => {
    const { digest, size } = await pushImage(registry.host, 'plain/a', '1', 'amd64');
    // Another name of this machine.
    const named = registry.host.replace('127.0.0.1', '[::ffff:7f00:1]');
    const repository = openRepository(`${named}/plain/a:1`, config({ insecureRegistries: [named] }));
    expect(await repository.manifest('1')).toMatchObject({ mediaType: manifestType, digest, size });
    const body = imageIndex([{ ...(await repository.manifest(digest)), platforms: ['linux/amd64'] }]);
    const pushed = await repository.push(body, { tag: 'all', mediaType: indexType });
    expect(await indexAt(registry.host, 'plain/a', 'all')).toMatchObject({ status: 200, digest: pushed });
    const elsewhere = registry.host.replace('127.0.0.1', '0.0.0.0');
    const strict = openRepository(`${elsewhere}/plain/a:1`, config());
    await expect(strict.manifest('1')).rejects.toThrow();
  });

  it.each(['127.0.0.1', 'localhost', '[::ffff:7f00:1]'])(
    'on this machine is reached over plain http as %s',
    async (name) => {
      const { digest } = await pushImage(registry.host, 'plain/local', '1', 'amd64');
      const host = registry.host.replace('127.0.0.1', name);
      const repository = openRepository(`${host}/plain/local:1`, config());
      expect(await repository.manifest('1')).toMatchObject({ digest });
    },
  );

  it('says what went wrong', async () => {
    const repository = openRepository(`${registry.host}/plain/none:1`, config());
    await expect(repository.manifest('1')).rejects.toMatchObject({ code: 'push_failed' });
    const gone = openRepository('127.0.0.1:1/plain/none:1', config());
    await expect(gone.manifest('1')).rejects.toMatchObject({ code: 'registry_unreachable' });
  });

  it.each([
    ['a digest that is none', '{}', '<img src=x>'],
    ['no digest', '{}', ''],
    ['the digest of another manifest', '{}', `sha256:${'2'.repeat(64)}`],
  ])('refuses what a hostile registry says: %s', async (_what, body, digest) => {
    const asked = `sha256:${'1'.repeat(64)}`;
    const hostile = createServer((_req, res) => {
      res.on('error', () => undefined);
      res.writeHead(200, { 'content-type': manifestType, 'docker-content-digest': digest }).end(body);
    });
    await new Promise<void>((resolve) => hostile.listen(0, '127.0.0.1', resolve));
    try {
      const host = `127.0.0.1:${(hostile.address() as AddressInfo).port}`;
      const repository = openRepository(`${host}/a/b:1`, config());
      await expect(repository.manifest(asked)).rejects.toMatchObject({ code: 'push_failed' });
    } finally {
      hostile.closeAllConnections();
      await new Promise((resolve) => hostile.close(resolve));
    }
  });

  it('is opened with the credentials of a Docker config', async () => {
    await pushImage(registry.host, 'closed/a', '1', 'amd64');
    const right = `Basic ${Buffer.from('user:pass:word').toString('base64')}`;
    // In front of the registry, a door.
    const door = createServer(async (req, res) => {
      if (req.headers.authorization !== right) {
        res.writeHead(401, { 'www-authenticate': 'Basic realm="door"' }).end();
        return;
      }
      const answer = await fetch(`http://${registry.host}${req.url}`, {
        method: req.method ?? 'GET',
        headers: { accept: req.headers.accept ?? '' },
      });
      res.writeHead(answer.status, {
        'content-type': answer.headers.get('content-type') ?? '',
        'docker-content-digest': answer.headers.get('docker-content-digest') ?? '',
      });
      res.end(Buffer.from(await answer.arrayBuffer()));
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    try {
      const host = `127.0.0.1:${(door.address() as AddressInfo).port}`;
      const auths = { [`https://${host}/v1/`]: { auth: Buffer.from('user:pass:word').toString('base64') } };
      const closed = openRepository(`${host}/closed/a:1`, config());
      await expect(closed.manifest('1')).rejects.toMatchObject({ code: 'push_unauthorized' });
      writeFileSync(join(folder.path, 'config.json'), JSON.stringify({ auths }));
      const open = openRepository(`${host}/closed/a:1`, config());
      expect(await open.manifest('1')).toMatchObject({ mediaType: manifestType });
    } finally {
      door.closeAllConnections();
      await new Promise((resolve) => door.close(resolve));
    }
  });
});

describe('a worker', () => {
  let installation: Installation;
  let replicas: Replica[];
  beforeEach(async () => {
    installation = await createInstallation(inject('redisUrl'));
    replicas = [await startReplica(payloadSecret), await startReplica(payloadSecret)];
  });
  afterEach(async () => {
    await installation.dispose();
    await Promise.all(replicas.map((replica) => replica.stop()));
  });
  const builders = () => [
    `${replicas[0]?.url}#pool=amd&platforms=linux/amd64`,
    `${replicas[1]?.url}#pool=arm&platforms=linux/arm64`,
  ];
  const submit = async (path: string, to = installation, changes: object = {}) => {
    const image = `${registry.host}/${path}:1`;
    const parts = [
      { pool: 'amd', platforms: ['linux/amd64'] },
      { pool: 'arm', platforms: ['linux/arm64'] },
    ];
    const id = newId('job');
    await to.create(
      id,
      { image, platforms: ['linux/amd64', 'linux/arm64'], ...changes },
      { tenant, pool: 'arm', parts },
    );
    return id;
  };
  const common = { reference: 'r.example/common:1', digest: `sha256:${'1'.repeat(64)}` };
  /** Pushes what it was asked for, and says its digest, and base images of which one differs between the parts. */
  const pushes =
    (path: string, pool: string, architecture: string): Behaviour =>
    async (call) => {
      expect(call.body.toString('latin1')).toContain(`${path}:1-${pool}`);
      const { digest } = await pushImage(registry.host, path, `1-${pool}`, architecture);
      const own = { reference: 'r.example/moved:1', digest };
      await stream({ ...success, digest, bases: [{ ...common, platform_digest: digest }, own] })(call);
    };

  it('joins what the pools have built, under the reference of the job', async () => {
    replicas[0]?.next(pushes('joined/a', 'amd', 'amd64'));
    replicas[1]?.next(pushes('joined/a', 'arm', 'arm64'));
    await installation.startWorker(builders());
    const id = await submit('joined/a');
    const job = await installation.ended(id);
    expect(job).toMatchObject({ state: 'succeeded', attempts: [{ number: 1, outcome: 'succeeded' }] });
    const { digest, body } = await indexAt(registry.host, 'joined/a', '1');
    expect(digest).toBe(job.result?.digest);
    const parts = await Promise.all((job.parts ?? []).map((part) => installation.job(part.job)));
    expect(body.manifests).toMatchObject([
      { digest: parts[0]?.result?.digest, platform: { os: 'linux', architecture: 'amd64' } },
      { digest: parts[1]?.result?.digest, platform: { os: 'linux', architecture: 'arm64' } },
    ]);
    expect(await installation.log(id)).toContain(`pushed the index ${digest}`);
    expect(job.bases).toEqual([common, { reference: 'r.example/moved:1' }]);
  });

  it('joins under each tag, in each repository, with the annotations', async () => {
    const [path, other] = ['joined/tagged', 'joined/elsewhere'];
    for (const [at, pool, architecture] of [
      [0, 'amd', 'amd64'],
      [1, 'arm', 'arm64'],
    ] as const) {
      replicas[at]?.setFeatures('build-options');
      replicas[at]?.next(async (call) => {
        const asked = call.body.toString('latin1');
        expect(asked).toContain(`"tags":["${registry.host}/${other}:2-${pool}"]`);
        expect(asked).toContain('"annotations":{"a":"b"}');
        const { digest } = await pushImage(registry.host, path, `1-${pool}`, architecture);
        await pushImage(registry.host, other, `2-${pool}`, architecture);
        await stream({ ...success, digest })(call);
      });
    }
    await installation.startWorker(builders());
    const tags = [`${registry.host}/${path}:latest`, `${registry.host}/${other}:2`];
    const job = await installation.ended(await submit(path, installation, { tags, annotations: { a: 'b' } }));
    expect(job).toMatchObject({ state: 'succeeded' });
    for (const [repository, tag] of [
      [path, '1'],
      [path, 'latest'],
      [other, '2'],
    ] as const) {
      const { digest, body } = await indexAt(registry.host, repository, tag);
      expect([digest, body]).toMatchObject([job.result?.digest, { annotations: { a: 'b' } }]);
    }
  });

  it('writes one trace of a job and of its parts', async () => {
    const traced = await startTraced();
    const own = await createInstallation(inject('redisUrl'), traced);
    try {
      replicas[0]?.next(pushes('joined/traced', 'amd', 'amd64'));
      replicas[1]?.next(pushes('joined/traced', 'arm', 'arm64'));
      await own.startWorker(builders());
      const request = { name: 'request', begins: 'alone' } as const;
      const id = await traced.tracing.span(request, () => submit('joined/traced', own));
      expect(await own.ended(id)).toMatchObject({ state: 'succeeded' });
    } finally {
      await own.dispose();
    }
    const spans = await traced.close();
    expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1);
    const job = 'request > submit job';
    const attempt = `${job} > attempt`;
    const part = [
      ...['wait in queue', 'attempt'].map((name) => `${job} > ${name}`),
      ...['assemble payload', 'sign payload', 'wait for slot', 'POST /build', 'keep log', 'settle'].map(
        (name) => `${attempt} > ${name}`,
      ),
      `${attempt} > POST /build > stream answer`,
    ];
    const whole = [
      ...['request', job, `${job} > wait in queue`, attempt],
      ...['join parts', 'keep log', 'settle'].map((name) => `${attempt} > ${name}`),
    ];
    expect(pathsOf(spans)).toEqual([...whole, ...part, ...part].sort());
    const attempts = spans.filter(({ name }) => name === 'attempt').map(({ attributes }) => attributes);
    const joining = attempts.find((attributes) => !('slipway.part_of' in attributes));
    const partsOf = attempts.flatMap((attributes) => attributes['slipway.part_of'] ?? []);
    expect(partsOf).toEqual(Array(2).fill(joining?.['slipway.job.id']));
  });

  it('fails the job with the part that fails, and stops the other', async () => {
    const open = held();
    const fail = stream({ status: 'failed', error: 'exit code: 1' });
    // If this part fails before the other has begun, the other never begins.
    replicas[0]?.next((call) => open.begun.then(() => fail(call)));
    replicas[1]?.next(open.behaviour);
    await installation.startWorker(builders());
    const id = await submit('joined/b');
    await open.begun;
    expect(await installation.ended(id)).toMatchObject({ state: 'failed', error: { code: 'build_failed' } });
    const [, arm] = (await installation.job(id)).parts ?? [];
    expect(await installation.ended(arm?.job ?? '')).toMatchObject({ state: 'canceled' });
    await expect.poll(() => replicas[1]?.abandoned()).toBe(1);
  });

  it('joins after another that died while it did so', async () => {
    const id = await submit('joined/d');
    const { store } = installation;
    const begin = { worker: 'dead', replica: '', takesSuspects: true };
    for (const [at, part] of ((await installation.job(id)).parts ?? []).entries()) {
      const architecture = at === 0 ? 'amd64' : 'arm64';
      const { digest } = await pushImage(registry.host, 'joined/d', `1-${part.pool}`, architecture);
      await store.start(part.job, { ...begin, token: part.job });
      const result = { image: '', digest, duration_ms: 1 };
      await store.finish(part.job, part.job, { state: 'succeeded', result });
    }
    expect(await store.start(id, { ...begin, token: 'lost' })).toMatchObject({ outcome: 'started' });
    await installation.startWorker(builders());
    expect(await installation.ended(id)).toMatchObject({
      state: 'succeeded',
      attempts: [{ worker: 'dead', outcome: 'worker_lost' }, { outcome: 'succeeded' }],
    });
    expect((await indexAt(registry.host, 'joined/d', '1')).body.manifests).toHaveLength(2);
    expect(
      await store.finish(id, 'lost', { state: 'succeeded', result: { image: '', duration_ms: 1 } }),
    ).toBe(false);
    expect(replicas.map(({ payloads }) => payloads.length)).toEqual([0, 0]);
  });

  it('retries to join while the registry lacks a part, and fails in the end', async () => {
    // Nothing was pushed: the digest of the scripted answer is not there.
    await installation.startWorker(builders(), { registryRetryMs: 1_000 });
    const job = await installation.ended(await submit('joined/c'));
    expect(job).toMatchObject({ state: 'failed', error: { code: 'push_failed' } });
    expect(job.attempts.length).toBeGreaterThan(1);
    expect(replicas.map(({ payloads }) => payloads.length)).toEqual([1, 1]);
  });
});
