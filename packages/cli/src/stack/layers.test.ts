import { temporaryFolder } from '@slipway/local';
import { expect, onTestFinished, test } from 'vitest';
import { packTree } from '../build/pack.js';
import { refusePull } from '../pull/failures.js';
import { writeFiles } from '../testing/stack-project.js';
import { planStack } from './plan.js';

const note = (written_at: string, more: object = {}) =>
  JSON.stringify({
    repository: 'https://git.example/t.git',
    ref_name: '0.9.0',
    sha: '0000000',
    written_at,
    ...more,
  });

const project = (lang: string, changes: Readonly<Record<string, string>> = {}) => ({
  'stack.yaml': `provider: { name: openfaas }\nfunctions:\n  fn: { lang: '${lang}', handler: ./fn, image: r.example/fn }\n`,
  'fn/handler.py': 'x\n',
  [`template/${lang}/template.yml`]: 'language: py\n',
  [`template/${lang}/Dockerfile`]: 'FROM scratch\nCOPY . /f\n',
  ...changes,
});

async function planned(files: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder();
  onTestFinished(() => folder.remove());
  writeFiles(folder.path, files);
  const { functions } = await planStack({
    ...{ file: 'stack.yaml', folder: folder.path, env: {}, envsubst: true, tag: 'latest' },
    ...{ buildArgs: {}, buildOptions: [], copy: [], options: {}, extraTags: [] },
    pull: async (missing) => refusePull(missing),
  });
  const [fn] = functions;
  if (!fn) throw new Error('no function');
  return fn;
}

const pinned = 'py@0.9.0';
const metaOf = (lang: string, text: string) => ({ [`template/${lang}/meta.json`]: text });

test.each([pinned, 'py@v1.0.0-rc.1+2', `py@sha-${'0a1b'.repeat(10)}`, 'py@feature/a', 'py'])(
  'the template %s is a part of its own, under its name',
  async (lang) => {
    const { layers } = await planned(project(lang));
    expect(layers?.template).toMatchObject({ name: lang, handlerFolder: 'function', source: { files: 2 } });
    expect([...((await layers?.handler.tree())?.entries.keys() ?? [])]).toEqual(['handler.py']);
  },
);

test('a new time in the note of faas-cli changes neither digests nor uploads', async () => {
  const digests = async (text: string, lang = pinned) => {
    const fn = await planned(project(lang, metaOf(lang, text)));
    const chunks: Uint8Array[] = [];
    for await (const chunk of packTree((await fn.tree()).entries)) chunks.push(chunk);
    const parts = [fn, fn.layers?.handler, fn.layers?.template].map((part) => part?.source.digest);
    return { parts, sent: Buffer.concat(chunks).toString('base64') };
  };
  const first = await digests(note('2026-11-28T10:00:00Z'));
  expect(await digests(`${note('2026-11-29T08:00:00.1+01:00')}\n`)).toEqual(first);
  const other = await digests(note('2026-11-28T10:00:00Z', { sha: '1111111' }));
  expect(other.parts[2]).not.toBe(first.parts[2]);
});

test("a function's own meta.json stays content", async () => {
  const own = (text: string) => planned(project('py', { 'fn/meta.json': text }));
  const one = await own(note('2026-11-28T10:00:00Z'));
  const other = await own(note('2026-11-29T10:00:00Z'));
  expect(other.source.digest).not.toBe(one.source.digest);
  expect(other.layers?.handler.source.digest).not.toBe(one.layers?.handler.source.digest);
});

test.each([
  ['whose name the server refuses', project('Py')],
  [
    'whose folder is too long',
    project('py', { 'template/py/template.yml': `handler_folder: ${'x'.repeat(148)}\n` }),
  ],
])('a context of a template %s stays whole', async (_what, files) => {
  expect((await planned(files)).layers).toBeUndefined();
});

test('a context with an empty handler stays whole', async () => {
  const { 'fn/handler.py': _handler, ...files } = project('py');
  const fn = await planned({ ...files, 'fn/': '', 'template/py/function/handler.py': 'example\n' });
  expect([fn.layers, fn.source.files]).toEqual([undefined, 3]);
});

test.each(['py@../../x', '../py', 'a/b', 'py@', 'py@a//b'])('%s names no template', async (lang) => {
  await expect(planned({ ...project('py'), 'stack.yaml': project(lang)['stack.yaml'] })).rejects.toThrow(
    'there is no template',
  );
});
