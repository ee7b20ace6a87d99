import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type RunningApi, startApi } from '../testing/start-api.js';
import { dashboardPages } from './router.js';
import { dashboardFolder, readSite } from './site.js';

const folder = dashboardFolder();
const maxFirstLoadBytes = 250 * 1024;

interface Chunk {
  readonly file: string;
  readonly css?: readonly string[];
  readonly imports?: readonly string[];
  readonly isEntry?: boolean;
}

/** Returns the chunks that a page loads before it renders anything. */
function filesOf(chunks: Readonly<Record<string, Chunk>>, key: string, files = new Set<string>()) {
  const chunk = chunks[key];
  if (!chunk || files.has(chunk.file)) return files;
  files.add(chunk.file);
  for (const css of chunk.css ?? []) files.add(css);
  for (const next of chunk.imports ?? []) filesOf(chunks, next, files);
  return files;
}

describe('the built dashboard', () => {
  const chunks = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Record<string, Chunk>;
  const entry = Object.keys(chunks).find((key) => chunks[key]?.isEntry) as string;
  const size = (files: Iterable<string>) =>
    [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file))).length, 0);

  it.each(Object.keys(chunks).filter((key) => /-page\.tsx$/.test(key)))(
    'loads at most 250 KB to show %s first',
    (page) => {
      const files = filesOf(chunks, page, filesOf(chunks, entry));
      expect(size(files) + size(['index.html'])).toBeLessThanOrEqual(maxFirstLoadBytes);
    },
  );

  it('has nothing inline that its content security policy refuses', () => {
    const html = readFileSync(join(folder, 'index.html'), 'utf8');
    expect(html).not.toMatch(/<style|style=|<script(?![^>]*\bsrc=)|\bon\w+=/);
    expect(html).not.toMatch(/https?:\/\//);
  });
});

describe('the API', () => {
  let api: RunningApi;
  beforeAll(async () => {
    api = await startApi(inject('redisUrl'));
  });
  afterAll(() => api.stop());
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(api.url + path, { headers, redirect: 'manual' });

  it.each(dashboardPages.map((page) => page.replaceAll(/:\w+/g, 'x')))(
    'answers %s with the page',
    async (path) => {
      const answer = await get(path);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toContain('text/html');
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      expect(answer.headers.get('content-security-policy')).toContain("script-src 'self';");
      expect(await answer.text()).toContain('<div id="root">');
    },
  );

  it('answers 404 at other addresses: the page to a browser, a problem to a client', async () => {
    const accepted = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    for (const [accept, type] of [
      [accepted, 'text/html'],
      ['*/*', 'application/problem+json'],
      ['text/css,*/*;q=0.1', 'application/problem+json'],
    ] as const) {
      const answer = await get('/nope', { accept });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        404,
        expect.stringContaining(type),
      ]);
    }
  });

  it('sends compressed files, cached for good, and answers 304 to clients that have them', async () => {
    const [path] = [...(readSite(folder)?.keys() ?? [])].filter((name) => name.endsWith('.js'));
    const plain = readFileSync(join(folder, path as string));
    for (const [accepted, encoding] of [
      ['gzip, br', 'br'],
      ['gzip', 'gzip'],
      ['identity', null],
    ] as const) {
      const answer = await get(path as string, { 'accept-encoding': accepted });
      expect(answer.headers.get('content-encoding')).toBe(encoding);
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(Buffer.from(await answer.arrayBuffer()).equals(plain)).toBe(true);
    }
    const page = await get('/');
    await page.body?.cancel();
    const again = await get('/', {
      'if-none-match': page.headers.get('etag') as string,
      // By default fetch bypasses conditional requests.
      'cache-control': 'max-age=0',
    });
    expect(again.status).toBe(304);
  });

  it('does not change other addresses', async () => {
    for (const path of [
      '/nothing',
      '/assets/none.js',
      '/manifest.json',
      '/batches/x/y',
      '/../package.json',
    ]) {
      const answer = await get(path);
      expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
        path,
        404,
        'application/problem+json; charset=utf-8',
      ]);
    }
    expect((await get('/v1/jobs')).status).toBe(401);
    expect(await (await get('/docs')).text()).toContain('swagger');
    expect((await get('/healthz')).status).toBe(200);
  });
});

it('is left out when it was not built', () => {
  expect(readSite(join(folder, 'none'))).toBeUndefined();
});
