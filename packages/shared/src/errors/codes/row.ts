export type Fault = 'user' | 'operator' | 'registry' | 'fleet' | 'system';
export type RetryRule = 'never' | 'backoff' | 'long_backoff' | 'replace';

/**
 * A row of the table of error codes.
 *
 * `status` is the HTTP status of an answer with the code. `retry` applies to a job attempt that ended with the code: `never`;
 * `backoff` (spends an attempt, and retries after a delay); `long_backoff` (the same, with minutes between); `replace` (places the
 * job again without spending an attempt). Codes of the fault `registry` spend no attempt either: Slipway retries their job until
 * REGISTRY_RETRY_MS have passed.
 */
export interface Row {
  readonly status: number;
  readonly retry: RetryRule;
  readonly fault: Fault;
  readonly title: string;
  readonly remedy: string;
}

/** Returns the row of an error that only the user can fix. */
export const user = (status: number, title: string, remedy: string): Row => ({
  status,
  retry: 'never',
  fault: 'user',
  title,
  remedy,
});

export const row = (fault: Fault, retry: RetryRule, status: number, title: string, remedy: string): Row => ({
  status,
  retry,
  fault,
  title,
  remedy,
});
