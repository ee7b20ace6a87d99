import type { ErrorCode } from '@slipway/shared/errors';

/** What an archive may be refused for once its bytes arrive, and what may keep it from being stored. */
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
] as const satisfies readonly ErrorCode[];
