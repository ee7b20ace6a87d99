import type { ErrorCode } from '@slipway/shared/errors';
import { callbackErrors } from './resolve/callback.js';
import { contextErrors } from './resolve/context.js';
import { sourceErrors } from './resolve/source.js';

/** Errors of `checkAllowed`. */
export const notAllowedErrors = [
  'image_not_allowed',
  'priority_not_allowed',
  'build_argument_not_allowed',
  'build_secret_not_allowed',
] as const satisfies readonly ErrorCode[];

/** Errors of admission, for jobs and for records such as sources. */
export const admissionErrors = [
  'queue_full',
  'tenant_queue_full',
  'stored_quota_exceeded',
  ...notAllowedErrors,
] as const satisfies readonly ErrorCode[];

/** Errors of `choosePool`. */
export const placingErrors = [
  'pool_not_found',
  'platform_unsupported',
] as const satisfies readonly ErrorCode[];

/** Errors of `resolveRequest` for the spec of a job. */
export const resolveErrors = [
  'image_invalid',
  'template_not_found',
  'secrets_invalid',
  ...callbackErrors,
  ...sourceErrors,
  ...contextErrors,
] as const satisfies readonly ErrorCode[];
