import type { Job } from '@slipway/shared/contracts';
import { expect } from 'vitest';
import { archive } from './archive.js';
import type { RunningApi } from './start-api.js';

type Body = NonNullable<RequestInit['body']>;

interface SaidProblem {
  readonly status: number;
  readonly code: string;
  readonly errors?: readonly { readonly path: string }[];
}

export const dockerfile = { path: 'Dockerfile', text: 'FROM scratch\n' };

export const json = async <T>(answer: Response): Promise<T> => (await answer.json()) as T;

/** Returns the status, the code and the paths of the errors of a problem. */
export async function problem(answer: Response) {
  expect(answer.headers.get('content-type')).toContain('application/problem+json');
  const { status, code, errors } = await json<SaidProblem>(answer);
  expect(status).toBe(answer.status);
  return [status, code, ...(errors ? [errors.map(({ path }) => path)] : [])];
}

/** Returns common requests to an API. */
export function requestsTo(api: () => RunningApi) {
  const upload = (body: Body, type = 'application/x-tar') =>
    api().call('/v1/sources', { method: 'POST', headers: { 'content-type': type }, body });
  /** Uploads a Dockerfile, and returns the digest. */
  const uploaded = async (): Promise<string> =>
    (await json<{ digest: string }>(await upload(archive([dockerfile])))).digest;
  return {
    upload,
    uploaded,
    async submitted(changes: object = {}): Promise<Job> {
      const answer = await api().post('/v1/jobs', {
        image: 'r.example/team/hello:1',
        source: { digest: await uploaded() },
        ...changes,
      });
      expect(answer.status).toBe(202);
      return await json(answer);
    },
  };
}
