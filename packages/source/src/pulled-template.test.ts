import { describe, expect, it } from 'vitest';
import { createSourceStore } from './create-source-store.js';
import { readNote, settledNote } from './pulled-template.js';
import { archive, inChunks, makeSources, tarEntry } from './testing/index.js';

const note = (given: object = {}) =>
  JSON.stringify({
    ...{ repository: 'https://git.example/templates.git', ref_name: '1.0.0', sha: '0a1b2c3' },
    ...{ written_at: '2026-11-28T10:00:00.123456789Z', ...given },
  });
const later = { written_at: '2026-11-29T11:00:00+01:00' };

/** Returns the digest of a context whose files arrive in this order. */
async function digestOf(files: Readonly<Record<string, string>>): Promise<string> {
  const { sources } = await makeSources();
  const entries = Object.entries(files).map(([path, text]) => tarEntry({ path }, Buffer.from(text)));
  return (await sources.ingest(inChunks(archive(...entries), 7_000))).digest;
}

const template = { Dockerfile: 'FROM node\n', 'template.yml': 'language: node\n' };

describe('the note that faas-cli leaves in a template', () => {
  it('does not change the digest by its time, anywhere in the archive', async () => {
    const first = await digestOf({ 'meta.json': note(), ...template });
    expect(await digestOf({ ...template, 'meta.json': note(later) })).toBe(first);
    expect(await digestOf({ ...template, './meta.json': `${note(later)}\n` })).toBe(first);
    const pretty = JSON.stringify(JSON.parse(note(later)), undefined, 2);
    expect(await digestOf({ ...template, 'meta.json': pretty })).toBe(first);
  });

  it('changes the digest by its repository, ref and commit', async () => {
    const digests = [{}, { repository: 'https://git.example/b.git' }, { ref_name: '2' }, { sha: 'f' }];
    const all = await Promise.all(digests.map((each) => digestOf({ ...template, 'meta.json': note(each) })));
    expect(new Set(all).size).toBe(4);
  });

  it('is stored without the time, and so are the size and the number of files', async () => {
    const { sources } = await makeSources();
    const entries = Object.entries({ 'meta.json': note(), ...template, 'z/big': 'x'.repeat(600_000) });
    const body = archive(...entries.map(([path, text]) => tarEntry({ path }, Buffer.from(text))));
    const { digest, bytes, files } = await sources.ingest(inChunks(body));
    const kept = note({ written_at: undefined });
    const manifest = await sources.manifest(digest);
    expect(manifest?.entries.find(({ path }) => path === 'meta.json')).toMatchObject({ size: kept.length });
    expect(files).toBe(4);
    expect(bytes).toBe(600_000 + kept.length + template.Dockerfile.length + template['template.yml'].length);
    // The store returns a source with the same digest.
    const again = createSourceStore({
      blobs: (await makeSources()).blobs,
      limits: { maxArchiveBytes: 1e9, maxBytes: 1e9, maxFiles: 100, maxRatio: 200 },
    });
    const tar = await sources.streamTar(digest);
    expect(tar && (await again.ingest(tar))).toMatchObject({ digest, bytes, files });
    expect((await sources.ingest(inChunks(body))).created).toBe(false);
  });

  it.each([
    ['without template.yml', { Dockerfile: 'FROM node\n' }, 'meta.json', note(), note(later)],
    ['in the folder of the handler', template, 'function/meta.json', note(), note(later)],
    ['with a field of its own', template, 'meta.json', note({ v: '1' }), note({ v: '1', ...later })],
    [
      'with a time of another form',
      template,
      'meta.json',
      note({ written_at: 'a' }),
      note({ written_at: 'b' }),
    ],
    ['with a number for a time', template, 'meta.json', note({ written_at: 1 }), note({ written_at: 2 })],
    [
      'without a repository',
      template,
      'meta.json',
      '{"written_at":"2026-11-28T10:00:00Z"}',
      '{"written_at":"2026-11-29T10:00:00Z"}',
    ],
    ['that is not JSON', template, 'meta.json', '{', '{{'],
    ['that is not text', template, 'meta.json', '\u00ff', '\u00fe'],
  ])("is a function's own file %s, and stays content", async (_what, beside, path, one, other) => {
    expect(await digestOf({ ...beside, [path]: one })).not.toBe(await digestOf({ ...beside, [path]: other }));
  });

  it('does not count as a note when it is too large', async () => {
    const repository = `https://git.example/${'x'.repeat(4_096)}`;
    const one = await digestOf({ ...template, 'meta.json': note({ repository }) });
    expect(await digestOf({ ...template, 'meta.json': note({ repository, ...later }) })).not.toBe(one);
  });

  it.each([
    ['https://ci:one-run@git.example/t.git', 'https://git.example/t.git'],
    ['https://token@git.example/t.git', 'https://git.example/t.git'],
    ['ssh://git@git.example/t.git', 'ssh://git@git.example/t.git'],
    ['ssh://git:word@git.example/t.git', 'ssh://git.example/t.git'],
    ['git@git.example:o/t.git', 'git@git.example:o/t.git'],
    ['./templates', './templates'],
  ])('with %s names %s: credentials of a run are not content', (given, repository) => {
    const settled = settledNote(Buffer.from(note({ repository: given })));
    expect(JSON.parse(settled?.toString() ?? '')).toEqual({ repository, ref_name: '1.0.0', sha: '0a1b2c3' });
    expect(readNote(settled ?? Buffer.alloc(0))).toEqual({ repository, ref: '1.0.0', sha: '0a1b2c3' });
    expect(settledNote(settled ?? Buffer.alloc(0))).toBeUndefined();
  });
});
