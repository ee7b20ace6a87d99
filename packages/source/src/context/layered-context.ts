import { contextFolder } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { PayloadLayer } from '../payload.js';
import { mergeLayers } from '../payload-plan.js';
import { readEntry } from '../read-file.js';
import type { SourceReader } from '../source-store.js';
import type { ContextFiles } from './context-files.js';

interface LayeredContextOptions {
  readonly sources: SourceReader;
  /** The layers, as in `PayloadOptions`. */
  readonly layers: readonly PayloadLayer[];
}

/**
 * Returns the context that a builder unpacks from a payload of these layers. Reads their manifests, and reads files only on
 * demand. Rejects with `source_not_found` for a layer that is not stored.
 */
export async function layeredContext({ sources, layers }: LayeredContextOptions): Promise<ContextFiles> {
  const loaded = await Promise.all(
    layers.map(async ({ digest, at }) => {
      const manifest = await sources.manifest(digest);
      if (!manifest) throw missing(digest);
      return { digest, at, entries: manifest.entries };
    }),
  );
  const merged = mergeLayers(loaded);
  let paths: readonly string[] | undefined;
  const inPayload = (path: string) => (path === '' ? contextFolder : `${contextFolder}/${path}`);
  return {
    entry: async (path) => merged.get(inPayload(path))?.entry,
    async read(path) {
      const found = merged.get(inPayload(path));
      const layer = found && loaded[found.layer];
      if (!found || !layer) throw new Error(`the context has no file ${path}`);
      const content = await readEntry({ sources, ...layer, entry: found.entry });
      if (!content) throw missing(layer.digest);
      return content;
    },
    async paths() {
      paths ??= Array.from(merged.keys(), (path) => path.slice(contextFolder.length + 1)).filter(Boolean);
      return paths;
    },
  };
}

const missing = (digest: string) =>
  new SlipwayError('source_not_found', `No source has the digest ${digest}.`);
