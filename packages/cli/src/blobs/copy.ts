import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type BlobStore, openBlobStore } from '@slipway/shared/blobs';
import { SlipwayError } from '@slipway/shared/errors';
import { count, formatBytes, formatDuration } from '@slipway/shared/formatting';
import type { CommandContext } from '../command-context.js';
import { CommandError } from '../command-error.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { onInterrupt } from '../interrupts.js';
import type { Screen } from '../terminal/terminal.js';
import { type Copied, copyBlobs, noProgress, type Progress } from './copy-blobs.js';
import { type BlobKind, blobKinds } from './kinds.js';

export interface CopyOptions {
  readonly only?: BlobKind;
  readonly concurrency: number;
  readonly json?: boolean;
}

const progressEveryMs = 5_000;

/** Copies the blobs of a store to another one. Fails when it was interrupted or a source is damaged. */
export async function copy(
  urls: { readonly from: string; readonly to: string },
  { only, concurrency, json }: CopyOptions,
  { terminal: { out, err } }: CommandContext,
): Promise<ExitCode> {
  if (urls.from === urls.to)
    throw new CommandError({ message: '<from> and <to> are the same store.', exitCode: exitCodes.usage });
  const [from, to] = [await openExisting(urls.from), await open('<to>', urls.to)];
  const started = performance.now();
  const kinds = only === undefined ? blobKinds : [only];
  const progress = noProgress();
  const aborting = new AbortController();
  const undo = onInterrupt(() => {
    if (aborting.signal.aborted) process.exit(exitCodes.failed);
    err.line('Stopping. Run the command again to copy the rest.');
    aborting.abort(new Interrupted());
  });
  const shows = setInterval(() => showProgress(err, kinds, progress), progressEveryMs);
  try {
    await copyBlobs({
      ...{ from, to, kinds, concurrency, progress, signal: aborting.signal },
      onDamaged: (digest, reason) => err.line(`${err.style('red', 'damaged:')} ${digest}: ${reason}`),
    });
  } catch (error) {
    showProgress(err, kinds, progress);
    if (!(error instanceof Interrupted)) throw error;
    return exitCodes.failed;
  } finally {
    clearInterval(shows);
    undo();
  }
  if (json) out.line(JSON.stringify(result(kinds, progress)));
  else {
    showProgress(out, kinds, progress);
    err.line(err.style('dim', `Done in ${formatDuration(performance.now() - started)}.`));
  }
  return progress.sources.damaged > 0 ? exitCodes.failed : exitCodes.ok;
}

class Interrupted extends Error {}

/** Opens the store to read. A folder that does not exist is a mistake, not an empty store. */
async function openExisting(url: string): Promise<BlobStore> {
  const folder = url.startsWith('file:') && URL.canParse(url) ? fileURLToPath(url) : undefined;
  if (folder !== undefined && !existsSync(folder)) {
    throw new CommandError({
      message: `<from>: the folder ${folder} does not exist.`,
      remedy: 'Run this where the folder of BLOB_STORE is mounted.',
      exitCode: exitCodes.usage,
    });
  }
  return await open('<from>', url);
}

async function open(argument: string, url: string): Promise<BlobStore> {
  try {
    return await openBlobStore(url);
  } catch (error) {
    if (error instanceof SlipwayError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new CommandError({
      message: `${argument} ${(error as Error).message}`,
      exitCode: exitCodes.usage,
    });
  }
}

/** Prints a line for each kind: `sources: 12 copied (3.4 GB), 40 present`. */
function showProgress(screen: Screen, kinds: readonly BlobKind[], progress: Progress): void {
  for (const kind of kinds) {
    const { copied, copiedBytes, present, changed, damaged } = progress[kind];
    const parts = [
      `${copied.toLocaleString('en')} copied (${formatBytes(copiedBytes)})`,
      `${present.toLocaleString('en')} present`,
      ...(changed > 0 ? [`${count(changed, 'blob')} incomplete, removed or changed meanwhile`] : []),
      ...(damaged > 0 ? [`${damaged.toLocaleString('en')} damaged`] : []),
    ];
    screen.line(`${kind}: ${parts.join(', ')}`);
  }
}

function result(kinds: readonly BlobKind[], progress: Progress) {
  const fields = ({ copied, copiedBytes, present, changed, damaged }: Copied) => ({
    copied,
    copied_bytes: copiedBytes,
    present,
    changed,
    damaged,
  });
  return Object.fromEntries(kinds.map((kind) => [kind, fields(progress[kind])]));
}
