import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { ApiAnswer } from '@slipway/simulator';
import type { Arena } from '../arena.js';
import { imageOf, submitLoad, submitOne, wishes } from '../load.js';
import type { Refusals } from './refusals.js';

interface DiskOptions {
  readonly arena: Arena;
  readonly refusals: Refusals;
  /** A small file system that holds the blobs. */
  readonly disk: string;
  readonly run: number;
}

const fileBytes = [0, 100, 5_000, 300_000, 2_000_000];
const code = 'storage_full';

/**
 * Fills the disk during uploads, fetches of repositories and writes of logs. Then frees the disk and repeats every refused
 * operation. Returns the number of half-written files.
 */
export async function fillDisk({ arena, refusals, disk, run }: DiskOptions): Promise<number> {
  const { fleet, chaos, note, ledger } = arena;
  const blobs = join(disk, 'blobs');
  const sources = fileBytes.map((bytes, at) => tarOf(disk, `${run}-${at}`, bytes));
  const upload = (body: Buffer) =>
    fleet.calls.call('/v1/sources', { method: 'POST', body, type: 'application/x-tar' });
  const repository = makeRepository(fleet.folder, run);
  const fromGit = () =>
    fleet.calls.call('/v1/jobs', {
      method: 'POST',
      json: {
        image: imageOf(`git-${run}`),
        source: { git: { url: repository, ref: 'main' } },
        callback: arena.receiver.callback,
      },
    });
  const load = submitLoad({
    arena,
    wishes: wishes(chaos.jobs, `disk-${run}`).map((wish) => ({ ...wish, expected: 'succeeded' })),
    perSecond: 10,
  });
  const ballast = join(disk, 'ballast');
  fill(ballast);
  note(`the disk is full; ${ledger.accepted.size} jobs are accepted`);
  const refused = (await Promise.all(sources.map(upload))).map((answer) =>
    refusals.judge('upload', code, answer),
  );
  const gitAnswer = await fromGit();
  const isGitRefused = refusals.judge('git', code, gitAnswer);
  if (!isGitRefused) acceptGit(arena, gitAnswer, run);
  await load;
  const halves = halvesIn(blobs);
  for (const half of halves) note(`${half} is half a source`);
  unlinkSync(ballast);
  note('there is room on the disk again');
  let wrong = halves.length + (refused.some(Boolean) ? 0 : 1) + (isGitRefused ? 0 : 1);
  for (const body of sources) {
    const answer = await upload(body);
    if (answer.status >= 300) {
      wrong++;
      note(`with room again, an upload is answered with ${answer.status}: ${JSON.stringify(answer.body)}`);
      continue;
    }
    const { digest } = answer.body as { digest: string };
    await submitOne(
      { arena },
      { name: `after-disk-${run}-${digest.slice(-8)}`, expected: 'succeeded', spec: { source: { digest } } },
    );
  }
  if (isGitRefused) acceptGit(arena, await fromGit(), run);
  return wrong;
}

function acceptGit({ ledger }: Arena, { status, body }: ApiAnswer, run: number): void {
  if (status !== 202) throw new Error(`a repository is answered with ${status}: ${JSON.stringify(body)}`);
  ledger.accept({
    ...{ id: (body as { id: string }).id, image: imageOf(`git-${run}`), expected: 'succeeded' },
  });
}

/** Writes until nothing more fits, down to the last page. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (let bytes = 1024 * 1024; bytes >= 1; ) {
      try {
        writeSync(file, Buffer.alloc(bytes));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
        bytes = Math.floor(bytes / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Returns sources with only one of their two blobs, and files that writers left behind. */
function halvesIn(blobs: string): string[] {
  const names = readdirSync(join(blobs, 'sources'));
  const partner = (name: string) =>
    name.endsWith('.tar') ? name.replace(/tar$/, 'json') : name.replace(/json$/, 'tar');
  // An unfinished log has its file there too. Uploads have ended by now.
  return names.filter((name) => !names.includes(partner(name)));
}

function tarOf(disk: string, name: string, bytes: number): Buffer {
  const folder = join(disk, 'context');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'Dockerfile'), `FROM scratch\nLABEL name=${name}\n`);
  writeFileSync(join(folder, 'data'), randomBytes(bytes));
  const tar = execFileSync('tar', ['-C', folder, '-c', '.'], { maxBuffer: 64 * 1024 * 1024 });
  execFileSync('rm', ['-r', folder]);
  return tar;
}

function makeRepository(folder: string, run: number): string {
  const path = join(folder, `repository-${run}`);
  mkdirSync(path);
  writeFileSync(join(path, 'Dockerfile'), 'FROM scratch\nCOPY data /\n');
  writeFileSync(join(path, 'data'), randomBytes(500_000));
  const git = (...args: string[]) => execFileSync('git', ['-C', path, ...args], { stdio: 'pipe' });
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('-c', 'user.name=x', '-c', 'user.email=x@x', 'commit', '-qm', 'x');
  return pathToFileURL(path).href;
}
