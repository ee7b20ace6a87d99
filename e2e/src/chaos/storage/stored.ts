import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openBlobStore } from '@slipway/shared/blobs';
import { createSourceStore, listSources } from '@slipway/source';
import type { Arena } from '../arena.js';

interface StoredOptions {
  readonly arena: Arena;
  /** The `BLOB_STORE` that reaches the server itself. */
  readonly blobStore: string;
  /** The digests of sources that were acknowledged. */
  readonly digests: ReadonlySet<string>;
}

const limits = { maxArchiveBytes: 2 ** 30, maxBytes: 2 ** 30, maxFiles: 10_000, maxRatio: 1_000 };

/**
 * Reads every source back and computes its digest again, and reads the log of every job. Counts sources that are visible and
 * wrong (`halves`), acknowledged ones that are missing (`lost_sources`), and ended jobs whose log is missing (`lost_logs`).
 */
export async function inspectStore({ arena, blobStore, digests }: StoredOptions) {
  const { fleet, ledger, note } = arena;
  const blobs = await openBlobStore(blobStore);
  const again = await openBlobStore(pathToFileURL(join(fleet.folder, 'again')).href);
  const original = createSourceStore({ blobs, limits });
  const copy = createSourceStore({ blobs: again, limits });
  const found = { halves: 0, lost_sources: 0, lost_logs: 0, stored: 0, without_manifest: 0 };
  const whole = new Set<string>();
  for await (const page of listSources({ blobs, halves: false })) {
    for (const digest of page) {
      const tar = (await original.find(digest)) && (await original.streamTar(digest));
      const actual = tar && (await copy.ingest(tar)).digest;
      if (actual === digest) whole.add(digest);
      else {
        found.halves++;
        note(`${digest} is stored and ${actual === undefined ? 'incomplete' : `has the digest ${actual}`}`);
      }
    }
  }
  found.stored = whole.size;
  const tars = new Set<string>();
  for await (const page of listSources({ blobs })) for (const digest of page) tars.add(digest);
  found.without_manifest = tars.size - whole.size - found.halves;
  for (const digest of digests) {
    if (whole.has(digest)) continue;
    found.lost_sources++;
    note(`${digest} was acknowledged and is missing`);
  }
  for (const { id } of ledger.accepted.values()) {
    const job = await ledger.job(id);
    const last = job?.attempts.at(-1)?.number;
    if (last === undefined) continue;
    const { status, body } = await fleet.calls.call(`/v1/jobs/${id}/logs`);
    if (status === 200 && String(body).includes('COPY . /')) continue;
    found.lost_logs++;
    note(`the log of ${id} was answered with ${status}: ${hash(body)}`);
  }
  return found;
}

const hash = (body: unknown) =>
  `${String(body).length} bytes, ${createHash('sha256').update(String(body)).digest('hex').slice(0, 8)}`;
