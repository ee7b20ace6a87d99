import type { Client } from '@slipway/client';
import { packTree } from '../build/pack.js';
import type { Part } from '../stack/layers.js';
import { mapInOrder, type PlannedFunction } from '../stack/plan.js';

/** Limit of concurrent requests. */
const atOnce = 8;

interface Upload {
  readonly client: Client;
  readonly signal: AbortSignal;
}

/** Returns the part that is the function's `source` on the server: its handler, or its whole build context. */
export const sourceOf = (fn: PlannedFunction): Part => fn.layers?.handler ?? fn;

const distinct = (parts: readonly Part[]): Part[] => [
  ...new Map(parts.map((part) => [part.source.digest, part])).values(),
];

/** Returns the distinct sources of these functions, without templates. */
export const sourcesOf = (functions: readonly PlannedFunction[]): Part[] => distinct(functions.map(sourceOf));

/** Returns the distinct templates of these functions. */
export const templatesOf = (functions: readonly PlannedFunction[]): Part[] =>
  distinct(functions.flatMap(({ layers }) => layers?.template ?? []));

/** Returns the sources and templates that the server lacks. */
export async function missingSources({
  parts,
  client,
  signal,
}: Upload & { readonly parts: readonly Part[] }): Promise<Part[]> {
  const wanted = distinct(parts);
  const missing = await mapInOrder(
    wanted,
    async ({ source: { digest } }) => (await client.findSource({ digest, signal })) === undefined,
    atOnce,
  );
  return wanted.filter((_, index) => missing[index]);
}

interface UploadAll extends Upload {
  readonly parts: readonly Part[];
  readonly onUploaded: (count: number) => void;
}

/** Uploads sources. Returns the server's digests by expected digest. They differ only when a file changed since it was read. */
export async function uploadSources(options: UploadAll): Promise<Map<string, string>> {
  const { parts, client, signal, onUploaded } = options;
  let uploaded = 0;
  const pairs = await mapInOrder(
    parts,
    async ({ source, tree }) => {
      const archive = async function* () {
        yield* packTree((await tree()).entries);
      };
      const { digest } = await client.uploadSource({ archive, signal });
      onUploaded(++uploaded);
      return [source.digest, digest] as const;
    },
    atOnce,
  );
  return new Map(pairs);
}
