import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  allPaths,
  archive,
  file,
  folder,
  inChunks,
  link,
  makeSources,
  pack,
  type Tree,
} from '../testing/index.js';
import type { ContextFiles } from './context-files.js';
import { findDockerfile } from './dockerfile.js';
import { folderContext } from './folder-context.js';
import { layeredContext } from './layered-context.js';

type Nodes = Readonly<Record<string, ReturnType<typeof file>>>;

/** Returns the context as the builder unpacks it. */
async function onDisk(nodes: Nodes): Promise<ContextFiles> {
  const dir = await mkdtemp(join(tmpdir(), 'slipway-context-'));
  onTestFinished(() => rm(dir, { recursive: true }));
  for (const [path, node] of Object.entries(nodes)) {
    const place = join(dir, path);
    await mkdir(node.type === 'folder' ? place : dirname(place), { recursive: true });
    if (node.type === 'file') await writeFile(place, node.content);
    if (node.type === 'link') await symlink(node.target, place);
  }
  return folderContext(dir);
}

/** Returns the context as the API sees it. */
async function stored(...layers: readonly { readonly at: string; readonly nodes: Nodes }[]) {
  const { sources } = await makeSources();
  const metadata = { uid: 0, gid: 0, uname: '', gname: '', mtime: new Date(0) };
  const ingested = layers.map(async ({ at, nodes }) => {
    const tree: Tree = new Map(Object.entries(nodes));
    const packing = { order: allPaths(tree), folders: true, dotted: false, metadata, modeBits: 0o644 };
    const tar = tree.size === 0 ? archive() : pack(tree, packing);
    return { at, digest: (await sources.ingest(inChunks(tar))).digest };
  });
  return await layeredContext({ sources, layers: await Promise.all(ingested) });
}

const text = file('FROM scratch\n');

describe.each([
  ['a folder', onDisk],
  ['a stored source', (nodes: Nodes) => stored({ at: 'context', nodes })],
])('the Dockerfile of %s', (_what, contextOf) => {
  it.each<[string, Nodes, string, string]>([
    ['as usual', { Dockerfile: text }, 'Dockerfile', 'Dockerfile'],
    ['in lower case', { dockerfile: text }, 'Dockerfile', 'dockerfile'],
    ['in both cases', { dockerfile: text, Dockerfile: text }, 'Dockerfile', 'Dockerfile'],
    ['in a folder', { 'a/b.docker': text }, 'a/b.docker', 'a/b.docker'],
    ['in lower case in a folder', { 'a/dockerfile': text }, 'a/Dockerfile', 'a/dockerfile'],
    ['a link', { Dockerfile: link('docker/prod'), 'docker/prod': text }, 'Dockerfile', 'docker/prod'],
    [
      'an absolute link',
      { Dockerfile: link('/docker/prod'), 'docker/prod': text },
      'Dockerfile',
      'docker/prod',
    ],
    [
      'through a linked folder',
      { now: link('v2'), 'v2/Dockerfile': text },
      'now/Dockerfile',
      'v2/Dockerfile',
    ],
    ['a link that climbs', { 'a/Dockerfile': link('../../x'), x: text }, 'a/Dockerfile', 'x'],
    ['beside a link to nothing', { Dockerfile: link('gone'), dockerfile: text }, 'Dockerfile', 'dockerfile'],
  ])('%s', async (_case, nodes, path, expected) => {
    expect(await findDockerfile(await contextOf(nodes), path)).toBe(expected);
  });

  it.each<[string, Nodes, string, string]>([
    ['none', { a: text }, 'Dockerfile', 'has no file "Dockerfile"'],
    [
      'a link out of it',
      { Dockerfile: link('/etc/passwd'), b: text },
      'Dockerfile',
      'is a link to a missing file',
    ],
    [
      'links in a circle',
      { Dockerfile: link('x'), x: link('Dockerfile') },
      'Dockerfile',
      'is a link to a missing file',
    ],
    ['a folder', { 'Dockerfile/x': text, y: text }, 'Dockerfile', '"Dockerfile" is not a file'],
    [
      'a link to a folder',
      { Dockerfile: link('a'), 'a/b': text },
      'Dockerfile',
      '"Dockerfile" is not a file',
    ],
    ['one below a file', { Dockerfile: text, a: text }, 'a/Dockerfile', 'has no file "a/Dockerfile"'],
    ['a large one', { Dockerfile: file(Buffer.alloc(4 * 1024 * 1024 + 1)) }, 'Dockerfile', 'larger than'],
    ['another case', { 'App.Dockerfile': text, b: text }, 'app.Dockerfile', 'It has "App.Dockerfile": name'],
    [
      'a wrong ending',
      { 'd/Dockerfile.prod': text, Dockerfile: text },
      'd/Dockerfile.prd',
      'It has "d/Dockerfile.prod", "Dockerfile": name',
    ],
    [
      'one in another folder',
      { 'a/b/Dockerfile': text, 'c/Containerfile': text, d: folder },
      'Dockerfile',
      'It has "a/b/Dockerfile", "c/Containerfile": name',
    ],
    [
      'many others',
      Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`f${n}/Dockerfile`, text])),
      'Dockerfile',
      '"f3/Dockerfile" and 2 more',
    ],
    [
      'one folder of all',
      { 'fn-1.0/Dockerfile': text },
      'Dockerfile',
      'All files lie in "fn-1.0": pack its content',
    ],
  ])('is refused: %s', async (_case, nodes, path, message) => {
    await expect(findDockerfile(await contextOf(nodes), path)).rejects.toMatchObject({
      code: 'dockerfile_invalid',
      message: expect.stringContaining(message),
    });
  });

  it('is not searched for in names of ignore files', async () => {
    const context = await contextOf({ 'Dockerfile.dockerignore': text, a: text });
    await expect(findDockerfile(context, 'Dockerfile')).rejects.toThrow(/is a link to a missing file\.$/);
  });
});

describe('layers', () => {
  const context = (template: Nodes, handler: Nodes, at = 'context/function') =>
    stored({ at: 'context', nodes: template }, { at, nodes: handler });

  it('have the Dockerfile of the template, or of a handler that shadows it', async () => {
    const handler = { 'handler.js': text };
    expect(await findDockerfile(await context({ Dockerfile: text }, handler), 'Dockerfile')).toBe(
      'Dockerfile',
    );
    const laid = await context({ 'index.js': text }, { Dockerfile: text }, 'context');
    expect(await findDockerfile(laid, 'Dockerfile')).toBe('Dockerfile');
    const named = await context({ 'index.js': text }, { Dockerfile: text });
    expect(await findDockerfile(named, 'function/Dockerfile')).toBe('function/Dockerfile');
    await expect(findDockerfile(named, 'Dockerfile')).rejects.toThrow('It has "function/Dockerfile"');
  });

  it('follow a link of one into another', async () => {
    const linked = await context({ Dockerfile: link('function/prod') }, { prod: file('FROM b\n') });
    expect(await findDockerfile(linked, 'Dockerfile')).toBe('function/prod');
    expect(Buffer.from(await linked.read('function/prod')).toString()).toBe('FROM b\n');
  });

  it('lose the Dockerfile of the template below a shadowing entry', async () => {
    const shadowed = await context({ 'function/Dockerfile': text, a: text }, { Dockerfile: link('gone') });
    await expect(findDockerfile(shadowed, 'function/Dockerfile')).rejects.toThrow(
      'is a link to a missing file',
    );
  });
});
