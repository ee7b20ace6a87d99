/** Returns a job as the API answers with it. */
export const job = (state: string, more = {}) => ({
  id: 'job_1',
  state,
  image: 'r.example/x:1',
  source: { digest: `sha256:${'1'.repeat(64)}` },
  version: 1,
  created_at: '2026-01-02T03:04:05.000Z',
  started_at: '2026-01-02T03:04:06.000Z',
  finished_at: '2026-01-02T03:04:08.500Z',
  cancel_requested: false,
  attempts: [{ number: 1, worker: 'w', replica: 'http://b:1', started_at: '2026-01-02T03:04:06.000Z' }],
  ...more,
});
export const succeeded = job('succeeded', {
  result: { image: 'r.example/x:1', digest: 'sha256:abc', duration_ms: 5 },
});
export const failed = job('failed', {
  error: { code: 'build_failed', detail: 'step 2 ended with 1', log_tail: ['l: first', 'l: no such module'] },
});
