/** The origin of a template that `faas-cli` pulled, as it notes in the template's folder. */
export interface PulledFrom {
  /** The URL of the repository, without credentials. */
  readonly repository: string;
  /** The requested branch, tag or `sha-…`. */
  readonly ref?: string;
  /** The commit. */
  readonly sha?: string;
}

/** The note lies beside template.yml, at the root of a template and of every context based on one. */
export const pulledNote = { path: 'meta.json', beside: 'template.yml', maxBytes: 4096 } as const;

const fields = new Set(['repository', 'ref_name', 'sha', 'written_at']);
/** RFC 3339 in Go's format. */
const goTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;

/**
 * Returns the stored form of a note: without `written_at`, the time of the pull, and without credentials in the URL, which CI
 * renews for each run. Undefined for a file that `faas-cli` did not write. A note has exactly its fields, all of them text, and a
 * time.
 */
export function settledNote(content: Uint8Array): Buffer | undefined {
  const note = parseNote(content);
  if (note?.written_at === undefined || !goTime.test(note.written_at)) return undefined;
  const { repository, ref_name, sha } = note;
  return Buffer.from(JSON.stringify({ repository: withoutCredentials(repository), ref_name, sha }));
}

/** Returns the template's origin in a note, with or without the time; undefined for a file that `faas-cli` did not write. */
export function readNote(content: Uint8Array): PulledFrom | undefined {
  const note = parseNote(content);
  if (!note) return undefined;
  const { repository, ref_name, sha } = note;
  return {
    repository: withoutCredentials(repository),
    ...(ref_name !== undefined && { ref: ref_name }),
    ...(sha !== undefined && { sha }),
  };
}

interface WriteNote {
  readonly repository: string;
  readonly ref: string | undefined;
  readonly sha: string;
  readonly writtenAt: Date;
}

/** Returns a note in the format of `faas-cli`, without credentials. */
export const writeNote = ({ repository, ref, sha, writtenAt }: WriteNote): string =>
  JSON.stringify({
    ...{ repository: withoutCredentials(repository), ref_name: ref, sha },
    written_at: writtenAt.toISOString(),
  });

interface Note {
  readonly repository: string;
  readonly ref_name?: string;
  readonly sha?: string;
  readonly written_at?: string;
}

function parseNote(content: Uint8Array): Note | undefined {
  if (content.length > pulledNote.maxBytes) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
  const entries = Object.entries(parsed);
  if (!entries.every(([name, value]) => fields.has(name) && typeof value === 'string')) return undefined;
  const note = parsed as Note;
  return note.repository ? note : undefined;
}

/** Returns a URL without the user and password of `scheme://user:password@host/…`. In `git@host:path`, the user is part of the address. */
export const withoutCredentials = (repository: string): string =>
  repository.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/?#]*@/i, (whole, scheme: string) =>
    /^ssh:\/\/[^:@/]*@$/i.test(whole) ? whole : scheme,
  );
