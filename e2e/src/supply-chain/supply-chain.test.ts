import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from '@slipway/local';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import { root } from '../compose/model.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());
const script = (path: string) => import(pathToFileURL(join(root, 'scripts', path)).href);

const lockfile = `lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      leaky: {specifier: 1.0.0, version: 1.0.0}
packages:
  leaky@1.0.0:
    resolution: {integrity: sha512-AAAA}
snapshots:
  leaky@1.0.0: {}
`;

interface ProjectFiles {
  readonly lock?: string;
  readonly exceptions?: readonly object[];
  readonly advisories?: object;
}

/** A project whose only dependency is leaky 1.0.0. */
async function project({ lock = lockfile, exceptions = [], advisories }: ProjectFiles = {}): Promise<string> {
  const path = join(folder.path, crypto.randomUUID());
  await mkdir(join(path, 'security'), { recursive: true });
  // Nothing is installed here, so pnpm cannot know the licence.
  const licenses = { allowed: ['Unknown'], packages: {} };
  await writeFile(join(path, 'security/licenses.json'), JSON.stringify(licenses));
  const dependencies = { leaky: '1.0.0' };
  await writeFile(join(path, 'package.json'), JSON.stringify({ name: 'x', version: '1.0.0', dependencies }));
  await writeFile(join(path, 'pnpm-lock.yaml'), lock);
  await writeFile(join(path, 'security/audit-exceptions.json'), JSON.stringify(exceptions));
  if (advisories) {
    const known = { taken: '2026-01-01', advisories };
    await writeFile(join(path, 'security/advisories.json'), JSON.stringify(known));
  }
  return path;
}

const advisory = {
  ...{ id: 7, url: 'https://github.com/advisories/GHSA-2222-3333-4444', title: 'leaks', severity: 'high' },
  ...{ vulnerable_versions: '<2.0.0', cwe: [], cvss: { score: 7, vectorString: null } },
};

/** Starts a registry that only answers queries for advisories. */
async function registry({ status = 200, body = {} }: { status?: number; body?: object }): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(request.method === 'POST' ? status : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function check({ path, url, more = [] }: { path: string; url: string; more?: readonly string[] }) {
  const args = [join(root, 'scripts/supply-chain.mjs'), '--root', path, '--registry', url, ...more];
  return promisify(execFile)(process.execPath, args).then(
    ({ stdout }) => ({ code: 0, stdout }),
    ({ code, stdout }: { code: number; stdout: string }) => ({ code, stdout }),
  );
}

const exception = {
  advisory: 'GHSA-2222-3333-4444',
  package: 'leaky',
  why: 'not reached',
  until: '9999-12-31',
};

test('an advisory for an installed version is a failure, unless a current exception names it', async () => {
  const url = await registry({ body: { leaky: [advisory] } });
  const found = await check({ path: await project(), url });
  expect(found).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('leaky 1.0.0: high: leaks (GHSA-2222'),
  });
  const excepted = await check({ path: await project({ exceptions: [exception] }), url });
  expect(excepted).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing was found') });
  const ended = { ...exception, until: '2020-01-01' };
  const old = await check({ path: await project({ exceptions: [ended] }), url });
  expect(old).toMatchObject({ code: 1, stdout: expect.stringContaining('ended on 2020-01-01') });
});

test('an advisory for other versions is not a failure', async () => {
  const url = await registry({ body: { leaky: [{ ...advisory, vulnerable_versions: '<0.9.0' }] } });
  expect(await check({ path: await project(), url })).toMatchObject({ code: 0 });
});

test('an unreachable advisory registry causes a loud warning, and the stored advisories are still checked', async () => {
  const url = await registry({ status: 405 });
  const unknown = await check({ path: await project(), url });
  expect(unknown).toMatchObject({ code: 0, stdout: expect.stringContaining('NOTHING WAS AUDITED') });
  const advisories = { leaky: [advisory] };
  const known = await check({ path: await project({ advisories }), url });
  expect(known).toMatchObject({ code: 1, stdout: expect.stringContaining('leaky 1.0.0: high') });
  expect(known.stdout).toContain('COULD NOT BE ASKED');
  const must = await check({ path: await project(), url, more: ['--must-ask'] });
  expect(must).toMatchObject({ code: 1, stdout: expect.stringContaining('could not be asked') });
});

test('incomplete or unused exceptions are failures', async () => {
  const url = await registry({});
  const { why: _, ...silent } = exception;
  const exceptions = [silent, { ...exception, advisory: 'GHSA-5555-6666-7777', until: 'soon' }];
  const { code, stdout } = await check({ path: await project({ exceptions }), url });
  expect(code).toBe(1);
  for (const words of ['does not say: why', "'soon', which is no date", 'excepts nothing'])
    expect(stdout).toContain(words);
});

test('the lockfile has the hash of every package, and no address', async () => {
  const { lockfileProblems } = await script('supply/lockfile.mjs');
  expect(lockfileProblems(await readFile(join(root, 'pnpm-lock.yaml'), 'utf8'))).toEqual([]);
  expect(lockfileProblems(lockfile)).toEqual([]);
  const resolution = '{integrity: sha512-AAAA}';
  for (const [wrong, words] of [
    ['{}', 'has no integrity'],
    ['{integrity: sha1-AAAA}', 'has no integrity'],
    ['{integrity: sha512-AAAA, tarball: leaky.tgz}', 'has a tarball of its own'],
    ['{integrity: sha512-AAAA, tarball: "https://registry.invalid/leaky.tgz"}', 'holds an address'],
    ['{type: git, commit: abc, repo: "git+ssh://git@host.invalid/x"}', 'holds an address'],
  ] as const) {
    const problems = lockfileProblems(lockfile.replace(resolution, wrong)) as string[];
    expect(problems.join('\n'), wrong).toContain(words);
  }
  expect(lockfileProblems("lockfileVersion: '9.0'\n")).toEqual(['it names no packages']);
});

test('licences must be on the list, or their package excepted', async () => {
  const { licenseProblems } = await script('supply/licenses.mjs');
  const allowed = ['MIT', 'ISC'];
  const of = (license: string, packages = {}) =>
    licenseProblems({ found: { [license]: [{ name: 'leaky' }] }, allowed, packages }) as string[];
  for (const license of ['MIT', '(MIT OR GPL-3.0-only)', '(MIT AND ISC)']) expect(of(license)).toEqual([]);
  for (const license of ['GPL-3.0-only', '(MIT AND GPL-3.0-only)', 'Unknown']) {
    expect(of(license), license).toEqual([expect.stringContaining(`leaky is under '${license}'`)]);
  }
  expect(of('GPL-3.0-only', { leaky: 'a tool of its own' })).toEqual([]);
  expect(of('MIT', { leaky: 'no reason' })).toEqual([expect.stringContaining('needs no exception')]);
});
