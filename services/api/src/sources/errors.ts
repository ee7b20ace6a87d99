import type { ErrorCode } from '@slipway/shared/errors';

/** Faults of the blob store. */
export const storageErrors = [
  'storage_unavailable',
  'storage_unauthorized',
  'storage_misconfigured',
  'storage_clock_skewed',
  'storage_changed',
] as const satisfies readonly ErrorCode[];

/** Errors of an archive while its bytes arrive, and of its storage. */
export const archiveErrors = [
  'source_corrupt',
  'source_path_unsafe',
  'source_path_duplicate',
  'source_path_conflict',
  'source_link_unsafe',
  'source_entry_unsupported',
  'source_too_many_files',
  'source_too_large',
  'source_ratio_exceeded',
  'source_empty',
  'source_quota_exceeded',
  'source_busy',
  'storage_full',
  ...storageErrors,
] as const satisfies readonly ErrorCode[];
