import { type Command, Option } from 'commander';
import type { CommandContext } from '../command-context.js';
import { type ExitCode, exitCodesHelp } from '../exit-codes.js';
import { whole } from '../parse.js';
import type { CopyOptions } from './copy.js';
import { blobKinds } from './kinds.js';

interface BlobsCommandsOptions {
  readonly program: Command;
  readonly context: CommandContext;
  readonly onExit: (code: ExitCode) => void;
}

/** Adds the commands for blob stores. Only these commands load a store and its S3 client. */
export function addBlobsCommands({ program, context, onExit }: BlobsCommandsOptions): void {
  const blobs = program
    .command('blobs')
    .summary('move sources and logs between stores')
    .description('Works on blob stores themselves, not through the API.');
  blobs
    .command('copy')
    .summary('copy sources and logs to another store')
    .description(
      'Copies what the other store lacks, and verifies it: the digest of each source, the size of each log.\n' +
        'The services may run meanwhile. A second run copies what is new or was interrupted.',
    )
    .argument('<from>', 'the BLOB_STORE to read, e.g. file:///var/lib/slipway/blobs')
    .argument('<to>', 'the BLOB_STORE to fill, e.g. s3://bucket/prefix?region=eu-west-1')
    .addOption(new Option('--only <kind>', 'copy only blobs of this kind').choices(blobKinds))
    .option('--concurrency <count>', 'blobs copied at once', whole({ min: 1, max: 64 }), 4)
    .option('--json', 'print the result as JSON, and errors too')
    .addHelpText(
      'after',
      '\nExample:\n  slipway blobs copy file:///var/lib/slipway/blobs "s3://bucket/slipway?region=eu-west-1"\n' +
        exitCodesHelp,
    )
    .action(async (from: string, to: string, options: CopyOptions) => {
      const { copy } = await import('./copy.js');
      onExit(await copy({ from, to }, options, context));
    });
}
