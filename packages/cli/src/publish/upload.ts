import type { Client } from '@slipway/client';
import { packTree } from '../build/pack.js';
import { mapInOrder, type PlannedFunction } from '../stack/plan.js';

/** Requests under way at once. */
const atOnce = 8;

interface Upload {
  readonly functions: readonly PlannedFunction[];
  readonly client: Client;
  readonly signal: AbortSignal;
}

/** The functions whose source the server lacks, one of each source. */
export async function missingSources({ functions, client, signal }: Upload): Promise<PlannedFunction[]> {
  const distinct = [...new Map(functions.map((fn) => [fn.source.digest, fn])).values()];
  const missing = await mapInOrder(
    distinct,
    async ({ source: { digest } }) => (await client.findSource({ digest, signal })) === undefined,
    atOnce,
  );
  return distinct.filter((_, index) => missing[index]);
}

interface UploadAll extends Upload {
  readonly onUploaded: (count: number) => void;
}

/**
 * Uploads the sources of these functions. Returns what the server calls each, by the digest that was expected: the same,
 * unless a file has changed since it was read.
 */
export async function uploadSources(options: UploadAll): Promise<Map<string, string>> {
  const { functions, client, signal, onUploaded } = options;
  let uploaded = 0;
  const pairs = await mapInOrder(
    functions,
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
