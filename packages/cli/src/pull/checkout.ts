import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fetchRepository, findHead, type GitConfig, type RepositoryOptions } from '@slipway/shared/git';
import { NameBudget, normalPath, parentOf, type TarEntry, TarReader } from '@slipway/source';
import { limits, refuse } from './refusals.js';
import type { TemplateSource } from './source.js';

type Entry =
  | { readonly type: 'folder' }
  | { readonly type: 'file'; readonly executable: boolean; readonly size: number }
  | { readonly type: 'link'; readonly target: string };

/** The files of a repository at a commit. Links are kept as text and are not on disk. */
export interface Checkout {
  readonly commit: string;
  /** The folder with the files. */
  readonly folder: string;
  /** Entries by path; the path of the root is `''`. */
  readonly entries: ReadonlyMap<string, Entry>;
  /** The names in each folder. */
  readonly names: ReadonlyMap<string, readonly string[]>;
}

interface CheckOut {
  readonly source: TemplateSource;
  /** An empty working folder. The caller removes it. */
  readonly workDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Variables that would direct git to another repository, as inside a hook, or change its output. */
const notForGit =
  /^GIT_(?:DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|PREFIX|CONFIG|CONFIG_PARAMETERS|SHALLOW_FILE|GRAFT_FILE|REPLACE_REF_BASE|IMPLICIT_WORK_TREE|DEFAULT_HASH|TRACE\w*)$/;

/** Fetches a repository with the user's git settings, and unpacks the commit of the ref. Throws git's error as a `SlipwayError`. */
export async function checkOut({ source, workDir, env, signal }: CheckOut): Promise<Checkout> {
  const options = repositoryOptions({ source, workDir, env, signal });
  const { ref } = source;
  const wanted = ref?.startsWith('sha-')
    ? { idBegins: ref.slice('sha-'.length) }
    : await findHead(ref, options);
  const repository = await fetchRepository(wanted, options);
  const folder = join(workDir, 'files');
  try {
    await mkdir(folder);
    return { commit: repository.commit, ...(await unpack(repository.archive('', false), folder)) };
  } finally {
    await repository.remove();
  }
}

function repositoryOptions({ source, workDir, env, signal }: CheckOut): RepositoryOptions {
  const { href, protocols } = source;
  const config: GitConfig = {
    allowedSchemes: [],
    allowedHosts: [],
    credentials: new Map(),
    timeoutMs: limits.timeoutMs,
    workDir,
    environment: Object.fromEntries(
      Object.entries(env).filter(
        (pair): pair is [string, string] => pair[1] !== undefined && !notForGit.test(pair[0]),
      ),
    ),
    asUser: { protocols },
  };
  return {
    url: { href, host: '' },
    config,
    resolve: undefined,
    maxBytes: limits.bytes,
    check: () => Promise.reject(new Error('submodules are not fetched')),
    stopping: signal,
  };
}

async function unpack(archive: AsyncIterable<Buffer>, folder: string): Promise<Omit<Checkout, 'commit'>> {
  const entries = new Map<string, Entry>([['', { type: 'folder' }]]);
  const names = new Map<string, string[]>([['', []]]);
  const budget = new NameBudget({ maxFiles: limits.entries });
  let bytes = 0;
  let open: number | undefined;
  const add = (path: string, entry: Entry): void => {
    if (entries.size > limits.entries) throw refuse(`has more than ${limits.entries} files and folders`);
    entries.set(path, entry);
    names.get(parentOf(path))?.push(path.slice(path.lastIndexOf('/') + 1));
    if (entry.type === 'folder') names.set(path, []);
  };
  const addFolder = (path: string): void => {
    if (entries.has(path)) return;
    addFolder(parentOf(path));
    add(path, { type: 'folder' });
    mkdirSync(join(folder, path), { recursive: true });
  };
  const reader = new TarReader({
    sink: {
      entry(entry: TarEntry) {
        const path = normalPath(entry.path);
        budget.spend(path, entry.target);
        if (entry.type === 'folder') return addFolder(path);
        addFolder(parentOf(path));
        if (entry.type === 'link') return add(path, { type: 'link', target: entry.target });
        const { executable, size } = entry;
        bytes += size;
        if (bytes > limits.bytes) throw refuse(`has files of more than ${limits.bytes} bytes together`);
        add(path, { type: 'file', executable, size });
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        open = openSync(join(folder, path), 'w', 0o600);
      },
      content(piece) {
        if (open !== undefined) writeSync(open, piece);
      },
      entryEnd() {
        if (open !== undefined) closeSync(open);
        open = undefined;
      },
    },
  });
  try {
    for await (const chunk of archive) {
      for (let at = 0; at < chunk.length; ) at = reader.write(chunk, at);
    }
    reader.end();
  } finally {
    if (open !== undefined) closeSync(open);
  }
  return { folder, entries, names };
}
