import {
  quotaExceeded,
  type SourceInfo,
  type SourceOwners,
  type SourceRoom,
  type SourceStore,
  type Waiting,
} from '@slipway/source';
import type { Account } from '../tenants/account.js';

export interface OwnershipDeps {
  readonly sources: Pick<SourceStore, 'find'>;
  readonly owners: Pick<SourceOwners, 'add' | 'has' | 'room'>;
}

const unlimited: SourceRoom = { grow: async () => undefined, admit: async () => undefined };

/** Stores a source as the tenant's own. Throws `source_quota_exceeded` before anything is stored, and the errors of `ingest`. */
export async function takeOwn<T extends SourceInfo>(
  { name, settings: { limits } }: Account,
  { owners }: Pick<OwnershipDeps, 'owners'>,
  ingest: (room: SourceRoom) => Promise<T>,
  waiting: Waiting = {},
): Promise<T & { readonly isNew: boolean }> {
  const maxBytes = limits.source_bytes;
  const room = maxBytes === undefined ? undefined : owners.room(name, maxBytes, waiting);
  try {
    const info = await ingest(room ?? unlimited);
    return { ...info, isNew: await add(name, info, { maxBytes, reservation: room?.id }, owners) };
  } finally {
    // If this fails, the reservation expires with its lease.
    await room?.close().catch(() => undefined);
  }
}

/** Makes a stored source the tenant's own. Throws `source_quota_exceeded` when the bytes exceed the quota of the tenant. */
export async function own(
  { name, settings: { limits } }: Account,
  info: Pick<SourceInfo, 'digest' | 'bytes'>,
  { owners }: Pick<OwnershipDeps, 'owners'>,
): Promise<void> {
  await add(name, info, { maxBytes: limits.source_bytes }, owners);
}

/** Adds the source to the tenant. Returns true if it is new to the tenant. */
async function add(
  tenant: string,
  { digest, bytes }: Pick<SourceInfo, 'digest' | 'bytes'>,
  {
    maxBytes,
    reservation,
  }: { readonly maxBytes: number | undefined; readonly reservation?: string | undefined },
  owners: OwnershipDeps['owners'],
): Promise<boolean> {
  const added = await owners.add(
    tenant,
    { digest, bytes },
    { maxBytes, ...(reservation && { reservation }) },
  );
  if (added.outcome !== 'full') return added.outcome === 'new';
  throw quotaExceeded({ tenant, has: added.bytes, maxBytes: maxBytes ?? 0, bytes });
}

/** Returns a stored source of the tenant; undefined when it does not exist or belongs to other tenants only. */
export async function findOwn(
  { name }: Account,
  digest: string,
  { sources, owners }: OwnershipDeps,
): Promise<SourceInfo | undefined> {
  const [info, mine] = await Promise.all([sources.find(digest), owners.has(name, digest)]);
  return mine ? info : undefined;
}
