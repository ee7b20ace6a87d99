import type { BaseImage, Client } from '@slipway/client';
import { familiarImage } from '@slipway/shared/contracts';
import { shortDigest } from '@slipway/shared/formatting';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { age, shown, table } from '../terminal/text.js';

export interface ListBasesOptions extends CommonOptions {
  readonly baseImage?: string;
  readonly behind?: boolean;
}

const page = 200;

/** Lists the base images of all functions. */
export async function listBases(
  options: ListBasesOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const images = await allBases(client, options);
  if (options.json) out.line(JSON.stringify(images));
  else if (images.length === 0) err.line('No base images.');
  else {
    const rows = images.map(({ reference, functions, behind, unknown, newest, ...watched }) => [
      shown(familiarImage(reference)),
      ...[functions, behind, unknown].map(String),
      newest ? shortDigest(newest.digest) : '-',
      newest ? `${age(newest.since)} ago` : '-',
      checked(watched),
    ]);
    for (const row of table([
      ['BASE IMAGE', 'FUNCTIONS', 'BEHIND', 'UNKNOWN', 'NEWEST', 'SINCE', 'CHECKED'],
      ...rows,
    ]))
      out.line(row);
  }
  return exitCodes.ok;
}

/** Returns when the registry was asked last, or why it cannot be. */
function checked({ checked_at, check_error }: Pick<BaseImage, 'checked_at' | 'check_error'>): string {
  if (check_error) return shown(check_error.code);
  return checked_at === undefined ? '-' : `${age(checked_at)} ago`;
}

async function allBases(client: Client, { baseImage, behind }: ListBasesOptions): Promise<BaseImage[]> {
  const query = {
    limit: page,
    ...(baseImage !== undefined && { base_image: baseImage }),
    ...(behind && { behind: 'true' as const }),
  };
  const found: BaseImage[] = [];
  let cursor: string | undefined;
  do {
    const answer = await client.listBaseImages({
      query: { ...query, ...(cursor !== undefined && { cursor }) },
    });
    found.push(...answer.base_images);
    cursor = answer.next_cursor;
  } while (cursor !== undefined);
  return found;
}
