import { Secret } from '@slipway/shared/config';
import { describe, expect, it } from 'vitest';
import { contextOfPayloads, digestOf, linkedPayloads } from './hostile/index.js';
import { createPayload } from './payload.js';
import { allPaths, file, inChunks, link, makeSources, pack, type Tree, tarEntry } from './testing/index.js';

const config = { image: 'registry.test/fn:1', buildArgs: { A: 'b' } };
const tree: Tree = new Map([
  ['Dockerfile', file('FROM scratch')],
  ['bin/run', file('#!', true)],
  ['run', link('bin/run')],
]);
const packing = { folders: true, dotted: false, metadata: {}, modeBits: 0o644 };
const end = Buffer.alloc(1024);

async function make() {
  const { sources, kept } = await makeSources();
  const plain = await sources.ingest(inChunks(pack(tree, { ...packing, order: allPaths(tree) })));
  const take = (...entries: Buffer[]) => sources.ingestPayload(inChunks(Buffer.concat([...entries, end])));
  return { sources, kept, plain, take };
}

const configEntry = (path = 'com.openfaas.docker.config', content = JSON.stringify(config)) =>
  tarEntry({ path }, Buffer.from(content));
const context = () => [
  tarEntry({ path: 'context/', type: 'Directory' }),
  tarEntry({ path: 'context/Dockerfile' }, Buffer.from('FROM scratch')),
  tarEntry({ path: 'context/bin/run', mode: 0o755 }, Buffer.from('#!')),
  tarEntry({ path: 'context/run', type: 'SymbolicLink', linkpath: 'bin/run' }),
];

describe('the payload of a build', () => {
  it('is stored as the source that it was made from', async () => {
    const { sources, plain } = await make();
    const layers = [{ digest: plain.digest, at: 'context' }];
    const secrets = Buffer.from('version: v1\n');
    const payload = await createPayload({ sources, layers, config, secrets });
    expect(await payload.sign(new Secret('x'))).toMatch(/^sha256=/);
    const taken = await sources.ingestPayload(payload.stream());
    expect(taken).toMatchObject({ digest: plain.digest, files: plain.files, created: false, secrets });
    expect(JSON.parse(taken.config.toString())).toEqual(config);
  });

  it('may hold its config first or last, with `./` or without, and unknown entries', async () => {
    const { plain, take } = await make();
    const orders = [
      [configEntry(), ...context()],
      [...context(), configEntry('./com.openfaas.docker.config')],
      [tarEntry({ path: 'notes.txt' }, Buffer.from('x')), ...context(), configEntry()],
    ];
    for (const entries of orders) {
      const { digest, secrets } = await take(...entries);
      expect({ digest, secrets }).toEqual({ digest: plain.digest, secrets: undefined });
    }
  });

  it.each([
    ['request_invalid', () => [...context()]],
    ['source_path_duplicate', () => [configEntry(), configEntry('./com.openfaas.docker.config')]],
    ['request_invalid', () => [configEntry('com.openfaas.docker.config', 'x'.repeat(1024 * 1024 + 1))]],
    ['source_empty', () => [configEntry(), tarEntry({ path: 'Dockerfile' }, Buffer.from('x'))]],
    ['source_path_conflict', () => [configEntry(), tarEntry({ path: 'context' }, Buffer.from('x'))]],
    ['source_path_unsafe', () => [configEntry(), tarEntry({ path: 'context/../x' }, Buffer.from('x'))]],
    [
      'source_link_unsafe',
      () => [
        configEntry(),
        tarEntry({ path: 'context/c', type: 'Link', linkpath: 'com.openfaas.docker.config' }),
      ],
    ],
    [
      'source_link_unsafe',
      () => [configEntry(), tarEntry({ path: 'context/c', type: 'Link', linkpath: '/etc/passwd' })],
    ],
    [
      'source_too_many_files',
      () => [configEntry(), ...Array.from({ length: 101 }, (_unused, at) => tarEntry({ path: `f${at}` }))],
    ],
  ])('is refused with %s, and nothing is kept', async (code, entries) => {
    const { kept, take } = await make();
    const before = await kept();
    await expect(take(...entries())).rejects.toMatchObject({ code });
    expect(await kept()).toEqual(before);
  });

  it('may hold hard links within the context', async () => {
    const { sources, take } = await make();
    const { digest } = await take(
      configEntry(),
      ...context(),
      tarEntry({ path: 'context/copy', type: 'Link', linkpath: './context/bin/run' }),
    );
    const manifest = await sources.manifest(digest);
    expect(manifest?.entries).toContainEqual(
      expect.objectContaining({ path: 'copy', size: 2, mode: '0755' }),
    );
  });

  it.each(linkedPayloads())('may hold $name, as text', async ({ payload, context }) => {
    const { take } = await make();
    const { digest } = await take(payload);
    expect(digest).toBe(digestOf({ ...contextOfPayloads, ...context }));
  });
});
