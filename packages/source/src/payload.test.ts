import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, readlink, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { Secret } from '@slipway/shared/config';
import { Parser } from 'tar';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPayload, type Payload } from './payload.js';
import type { SourceStore } from './source-store.js';
import { allPaths, file, folder, inChunks, link, makeSources, pack, type Tree } from './testing/index.js';

const config = { image: 'registry.test/fn:1', buildArgs: { A: 'b' } };
const secret = new Secret(' payload-secret\n');

const ingest = async (sources: SourceStore, tree: Tree): Promise<string> => {
  const packing = { order: allPaths(tree), folders: true, dotted: false, metadata: {}, modeBits: 0o644 };
  return (await sources.ingest(inChunks(pack(tree, packing)))).digest;
};

const tree = (entries: Record<string, string | ReturnType<typeof file>>): Tree =>
  new Map(
    Object.entries(entries).map(([path, node]) => [path, typeof node === 'string' ? file(node) : node]),
  );

const bytesOf = async (payload: Payload): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of payload.stream()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
};

/** Returns the tree that GNU tar unpacks: files as their text (with `*` if executable), links as `-> target`, folders as `/`. */
const unpacked = async (bytes: Buffer): Promise<Record<string, string>> => {
  const target = await mkdtemp(join(tmpdir(), 'slipway-payload-'));
  onTestFinished(() => rm(target, { recursive: true, force: true }));
  execFileSync('tar', ['-xf', '-', '-C', target], { input: bytes, stdio: ['pipe', 'pipe', 'inherit'] });
  const found: Record<string, string> = {};
  for (const entry of await readdir(target, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(target.length + 1);
    if (entry.isDirectory()) found[name] = '/';
    else if (entry.isSymbolicLink()) found[name] = `-> ${await readlink(path)}`;
    else found[name] = `${await readFile(path, 'utf8')}${(await stat(path)).mode & 0o100 ? '*' : ''}`;
  }
  return found;
};

describe('a payload', () => {
  it('has the layers below the context, then the secrets, then the configuration', async () => {
    const { sources } = await makeSources();
    const template = await ingest(
      sources,
      tree({ Dockerfile: 'FROM x', 'function/readme': 'none', 'index.js': file('i', true) }),
    );
    const handler = await ingest(sources, tree({ 'handler.js': 'h', 'lib/l': link('../handler.js') }));
    const payload = await createPayload({
      sources,
      layers: [
        { digest: template, at: 'context' },
        { digest: handler, at: 'context/function' },
      ],
      config,
      secrets: Buffer.from('version: v1\n'),
    });
    const bytes = await bytesOf(payload);
    const names = execFileSync('tar', ['-tf', '-'], { input: bytes, encoding: 'utf8' }).trim().split('\n');
    expect(names).toEqual([
      'context/',
      'context/function/',
      'context/Dockerfile',
      'context/function/readme',
      'context/index.js',
      'context/function/handler.js',
      'context/function/lib/',
      'context/function/lib/l',
      'com.openfaas.secrets',
      'com.openfaas.docker.config',
    ]);
    expect(await unpacked(bytes)).toEqual({
      context: '/',
      'context/Dockerfile': 'FROM x',
      'context/index.js': 'i*',
      'context/function': '/',
      'context/function/readme': 'none',
      'context/function/handler.js': 'h',
      'context/function/lib': '/',
      'context/function/lib/l': '-> ../handler.js',
      'com.openfaas.secrets': 'version: v1\n',
      'com.openfaas.docker.config': JSON.stringify(config),
    });
  });

  it('has its length, its signature, and the same bytes each time', async () => {
    const { sources } = await makeSources();
    const digest = await ingest(sources, tree({ a: 'a', b: file(Buffer.alloc(1_500_000, 7)), c: 'c' }));
    const payload = await createPayload({ sources, layers: [{ digest, at: 'context' }], config });
    const signature = await payload.sign(secret);
    const [first, second] = [await bytesOf(payload), await bytesOf(payload)];
    expect(first.equals(second)).toBe(true);
    expect(first.length).toBe(payload.length);
    const hmac = createHmac('sha256', 'payload-secret').update(first).digest('hex');
    expect(signature).toBe(`sha256=${hmac}`);
    expect(await payload.sign(secret)).toBe(signature);
  });

  it('keeps each chunk until the caller requests the second one after it', async () => {
    const { sources } = await makeSources();
    const digest = await ingest(sources, tree({ a: file(randomBytes(3_000_000)) }));
    const payload = await createPayload({ sources, layers: [{ digest, at: 'context' }], config });
    const whole = await bytesOf(payload);
    let position = 0;
    let last: Buffer = Buffer.alloc(0);
    for await (const chunk of payload.stream()) {
      expect(last.equals(whole.subarray(position - last.length, position))).toBe(true);
      position += chunk.length;
      last = chunk;
    }
    expect(position).toBe(whole.length);
  });

  it.each([
    ['unchanged', (payload: Payload) => payload.stream()],
    ['through Readable.from', (payload: Payload) => Readable.from(payload.stream(), { objectMode: false })],
  ])('arrives completely at a slow server when undici sends it %s', async (_, bodyOf) => {
    const { sources } = await makeSources();
    const digest = await ingest(sources, tree({ a: file(randomBytes(20_000_000)) }));
    const payload = await createPayload({ sources, layers: [{ digest, at: 'context' }], config });
    const server = createServer(async (req, res) => {
      const hmac = createHmac('sha256', 'payload-secret');
      for await (const chunk of req) {
        hmac.update(chunk);
        await setImmediate();
      }
      res.end(`sha256=${hmac.digest('hex')}`);
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const answer = await request(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
      method: 'POST',
      headers: { 'content-length': String(payload.length), connection: 'close' },
      body: bodyOf(payload) as Readable,
    });
    expect(await answer.body.text()).toBe(await payload.sign(secret));
  });

  it('reads the same with the tar package', async () => {
    const { sources } = await makeSources();
    const long = `${'deep/'.repeat(30)}file`;
    const digest = await ingest(sources, tree({ 'a/b': 'ab', [long]: 'long', ü: link('x'.repeat(120)) }));
    const payload = await createPayload({ sources, layers: [{ digest, at: 'context/function' }], config });
    const seen: Record<string, string | undefined> = {};
    const parser = new Parser({ strict: true });
    parser.on('entry', (entry) => {
      seen[entry.path] = entry.linkpath ?? entry.type;
      entry.resume();
    });
    const ended = new Promise((resolve, reject) => parser.on('end', resolve).on('error', reject));
    parser.end(await bytesOf(payload));
    await ended;
    expect(seen).toMatchObject({
      'context/function/a/b': 'File',
      [`context/function/${long}`]: 'File',
      'context/function/ü': 'x'.repeat(120),
      'com.openfaas.docker.config': 'File',
    });
  });

  it.each([99, 100, 101, 155, 156, 255, 256])('keeps a path of %i bytes', async (length) => {
    const { sources } = await makeSources();
    const path = `${'12345678/'
      .repeat(40)
      .slice(0, length - 1)
      .replace(/\/$/, 'x')}x`;
    expect(path.length).toBe(length);
    const digest = await ingest(sources, tree({ [path]: 'content', z: 'z' }));
    for (const at of ['context', 'context/function', `context/${'f'.repeat(147)}`]) {
      const payload = await createPayload({ sources, layers: [{ digest, at }], config });
      const bytes = await bytesOf(payload);
      expect(bytes.length).toBe(payload.length);
      expect(await unpacked(bytes)).toMatchObject({ [`${at}/${path}`]: 'content', [`${at}/z`]: 'z' });
    }
  });

  it('refuses a folder outside the context or too long for the header', async () => {
    const { sources } = await makeSources();
    const digest = await ingest(sources, tree({ a: 'a' }));
    for (const at of [
      '',
      'ctx',
      'context/',
      '/context',
      'context/../x',
      'contextual',
      `context/${'f'.repeat(148)}`,
    ]) {
      await expect(createPayload({ sources, layers: [{ digest, at }], config })).rejects.toThrow(RangeError);
    }
  });

  it('names the missing source', async () => {
    const { sources } = await makeSources();
    const digest = `sha256:${'0'.repeat(64)}`;
    await expect(
      createPayload({ sources, layers: [{ digest, at: 'context' }], config }),
    ).rejects.toMatchObject({
      code: 'source_not_found',
      message: expect.stringContaining(digest),
    });
  });

  it('rejects when a source is removed or damaged after planning, rather than sending less', async () => {
    const { sources, blobs, directory } = await makeSources();
    const digest = await ingest(sources, tree({ a: 'a', b: 'b' }));
    const payload = await createPayload({ sources, layers: [{ digest, at: 'context' }], config });
    const path = join(directory, 'sources', `${digest.slice(7)}.tar`);
    const tar = await readFile(path);
    await truncate(path, 1024);
    await expect(payload.sign(secret)).rejects.toThrow('does not match its manifest');
    const damaged = Buffer.from(tar);
    damaged.fill(0, 124, 136);
    await writeFile(path, damaged);
    await expect(payload.sign(secret)).rejects.toThrow('damaged');
    // Now the second header has a larger size than the manifest.
    tar.copy(damaged);
    damaged.write('00000002000\0', 1024 + 124);
    await writeFile(path, damaged);
    await expect(bytesOf(payload)).rejects.toThrow('manifest');
    await blobs.remove(`sources/${digest.slice(7)}.tar`);
    await expect(bytesOf(payload)).rejects.toMatchObject({ code: 'source_not_found' });
  });

  it('can be stopped halfway, by its reader or by a signal', async () => {
    const { sources } = await makeSources();
    const digest = await ingest(sources, tree({ a: file(Buffer.alloc(5_000_000)) }));
    const payload = await createPayload({ sources, layers: [{ digest, at: 'context' }], config });
    for await (const chunk of payload.stream()) {
      expect(chunk.length).toBeLessThan(payload.length);
      break;
    }
    const reason = new Error('enough');
    await expect(payload.sign(secret, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('a later layer', () => {
  const compose = async (template: Tree, handler: Tree) => {
    const { sources } = await makeSources();
    const layers = [
      { digest: await ingest(sources, template), at: 'context' },
      { digest: await ingest(sources, handler), at: 'context/function' },
    ];
    const payload = await createPayload({ sources, layers, config });
    const bytes = await bytesOf(payload);
    expect(bytes.length).toBe(payload.length);
    const names = execFileSync('tar', ['-tf', '-'], { input: bytes, encoding: 'utf8' }).trim().split('\n');
    expect(new Set(names.map((name) => name.replace(/\/$/, ''))).size).toBe(names.length);
    const {
      'com.openfaas.docker.config': _,
      context: __,
      'context/function': ___,
      ...rest
    } = await unpacked(bytes);
    return Object.fromEntries(
      Object.entries(rest).map(([path, what]) => [path.slice('context/'.length), what]),
    );
  };

  it('shadows a file by its path', async () => {
    const found = await compose(
      tree({ 'function/handler.js': 'old', 'function/keep.js': 'keep', z: 'z' }),
      tree({ 'handler.js': 'new' }),
    );
    expect(found).toEqual({ 'function/handler.js': 'new', 'function/keep.js': 'keep', z: 'z' });
  });

  it('shadows a folder and all below it with a file', async () => {
    const found = await compose(
      tree({ 'function/lib/a/b': 'old', 'function/lib.js': 'l' }),
      tree({ lib: 'file' }),
    );
    expect(found).toEqual({ 'function/lib': 'file', 'function/lib.js': 'l' });
  });

  it('shadows a folder and all below it with a link', async () => {
    const found = await compose(
      tree({ 'function/lib/a': 'old' }),
      tree({ lib: link('other'), 'other/a': 'new' }),
    );
    expect(found).toEqual({ 'function/lib': '-> other', 'function/other': '/', 'function/other/a': 'new' });
  });

  it('shadows a file or link at the path of its folders', async () => {
    expect(await compose(tree({ function: 'file', a: 'a' }), tree({ 'lib/x': 'x' }))).toEqual({
      'function/lib': '/',
      'function/lib/x': 'x',
      a: 'a',
    });
    expect(await compose(tree({ function: link('a'), 'a/lib': 'a' }), tree({ 'lib/x': 'x' }))).toEqual({
      'function/lib': '/',
      'function/lib/x': 'x',
      a: '/',
      'a/lib': 'a',
    });
    expect(await compose(tree({ 'function/lib': link('../a'), 'a/b': 'a' }), tree({ 'lib/x': 'x' }))).toEqual(
      {
        'function/lib': '/',
        'function/lib/x': 'x',
        a: '/',
        'a/b': 'a',
      },
    );
  });

  it('merges folders', async () => {
    const found = await compose(
      new Map([
        ['function/lib/a', file('a')],
        ['function/empty', folder],
      ]),
      tree({ 'lib/b': 'b' }),
    );
    expect(found).toEqual({
      'function/lib': '/',
      'function/lib/a': 'a',
      'function/lib/b': 'b',
      'function/empty': '/',
    });
  });

  it('replaces links with any target, and never writes through one', async () => {
    expect(
      await compose(
        tree({ function: link('/etc'), a: link('/') }),
        tree({ passwd: 'x', 'cron.d/evil': 'y' }),
      ),
    ).toEqual({
      'function/passwd': 'x',
      'function/cron.d': '/',
      'function/cron.d/evil': 'y',
      a: '-> /',
    });
    expect(
      await compose(
        tree({ 'function/d': link('/etc'), x: 'x' }),
        tree({ 'd/passwd': 'x', l: link('../../..') }),
      ),
    ).toEqual({ 'function/d': '/', 'function/d/passwd': 'x', 'function/l': '-> ../../..', x: 'x' });
    expect(await compose(tree({ 'function/d/x': 'x', y: 'y' }), tree({ d: link('/etc') }))).toEqual({
      'function/d': '-> /etc',
      y: 'y',
    });
  });
});
