import { SlipwayError } from '@slipway/shared/errors';
import { type IngestOptions, packFiles, type SourceInfo, type SourceStore } from '@slipway/source';

/** Stores the files in the request itself. An error names the file. */
export async function storeFiles(
  files: Readonly<Record<string, string>>,
  sources: Pick<SourceStore, 'ingest'>,
  options?: IngestOptions,
): Promise<SourceInfo> {
  const paths = Object.keys(files);
  // Index of the file that is being packed or stored, for errors. Past the last file, no single file is at fault.
  let at = 0;
  const archive = async function* () {
    for (const bytes of packFiles(files)) {
      yield bytes;
      at++;
    }
  };
  try {
    return await sources.ingest(archive(), options);
  } catch (error) {
    if (!(error instanceof SlipwayError) || !error.code.startsWith('source_')) throw error;
    const path = paths[at];
    throw new SlipwayError(error.code, error.message, {
      cause: error,
      errors: [{ path: `/source/files${path === undefined ? '' : pointer(path)}`, message: error.message }],
    });
  }
}

/** Returns a part of a JSON Pointer (RFC 6901). */
const pointer = (part: string) => `/${part.replaceAll('~', '~0').replaceAll('/', '~1')}`;
