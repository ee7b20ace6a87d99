import { SlipwayError } from '@slipway/shared/errors';
import type { SourceInfo, SourceOwners, SourceStore } from '@slipway/shared/source';
import type { Account } from '../tenants/account.js';

export interface OwnershipDeps {
  readonly sources: Pick<SourceStore, 'find'>;
  readonly owners: Pick<SourceOwners, 'add' | 'has'>;
}

/** Notes whose a source is that was taken in; true when the tenant did not have it before. Throws `source_quota_exceeded` when it may not have so many bytes. */
export async function own(
  { name, settings: { limits } }: Account,
  { digest, bytes }: Pick<SourceInfo, 'digest' | 'bytes'>,
  { owners }: Pick<OwnershipDeps, 'owners'>,
): Promise<boolean> {
  const added = await owners.add(name, { digest, bytes }, limits.source_bytes);
  if (added.outcome !== 'full') return added.outcome === 'new';
  throw new SlipwayError(
    'source_quota_exceeded',
    `The sources of ${name} have ${added.bytes} bytes of ${limits.source_bytes}; this one has ${bytes}.`,
  );
}

/** A stored source of the tenant; undefined when there is none, or it is another's alone. */
export async function findOwn(
  { name }: Account,
  digest: string,
  { sources, owners }: OwnershipDeps,
): Promise<SourceInfo | undefined> {
  const [info, mine] = await Promise.all([sources.find(digest), owners.has(name, digest)]);
  return mine ? info : undefined;
}
