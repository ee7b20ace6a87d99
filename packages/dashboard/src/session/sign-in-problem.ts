import { ApiError } from '@slipway/client';

/** Returns why signing in failed and what to do. */
export function signInProblem(error: unknown): string {
  if (error instanceof ApiError) {
    if (error.status === 401) return 'This token is not valid: it is wrong, expired or revoked.';
    if (error.status === 429) return 'Too many tries. Wait a little, then try again.';
    return `${error.detail} ${error.remedy}`.trim();
  }
  return 'The API does not answer. Check that it runs, then try again.';
}
