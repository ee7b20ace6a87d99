import type { WebhookFormat } from '@slipway/shared/contracts';

type FormatType = WebhookFormat['type'];

/**
 * Statuses of a CI system's API that no repetition changes: the request is malformed, the token wrong, the repository,
 * commit or branch unknown. 403 is one too, unless it is GitHub's way to limit the rate.
 */
const finalStatuses: Readonly<Record<FormatType, readonly number[]>> = {
  standard: [],
  jenkins: [],
  github_commit_status: [400, 401, 403, 404, 422],
  github_dispatch: [400, 401, 403, 404, 422],
  gitlab_commit_status: [400, 401, 403, 404, 422],
  gitlab_pipeline: [400, 401, 403, 404, 422],
};

interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** As much of the body as is kept. */
  readonly response: string;
}

/** The meaning of a receiver's answer other than 2xx, by the rules of its format. `notBefore` is in milliseconds since the epoch. */
export type AnswerMeaning =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'final'; readonly reason: string }
  | { readonly kind: 'retry'; readonly notBefore?: number };

const rateLimitPauseMs = 60_000;

/**
 * Reads an answer that is not a 2xx. `Retry-After` is for the caller: it holds for all formats.
 *
 * GitHub limits the rate with 403 or 429, and says when to go on by `Retry-After`, or by `x-ratelimit-reset` (seconds since the
 * epoch) once `x-ratelimit-remaining` is 0, or not at all: then it asks for a minute at least. GitLab answers 400 "Cannot
 * transition status" when the commit has that status, or a later one, already: the message had arrived before.
 */
export function readAnswer(format: FormatType, answer: Answer, now: number): AnswerMeaning {
  const { status, headers, response } = answer;
  if (format.startsWith('github_') && (status === 403 || status === 429)) {
    const limited =
      status === 429 || 'retry-after' in headers || /rate limit|abuse detection/i.test(response);
    const exhausted = headers['x-ratelimit-remaining'] === '0';
    const reset = Number(headers['x-ratelimit-reset']) * 1_000;
    if (exhausted && reset > now) return { kind: 'retry', notBefore: reset };
    if (limited || exhausted) {
      return { kind: 'retry', ...(!('retry-after' in headers) && { notBefore: now + rateLimitPauseMs }) };
    }
  }
  if (format === 'gitlab_commit_status' && status === 400 && /Cannot transition status/i.test(response)) {
    return { kind: 'delivered' };
  }
  if (finalStatuses[format].includes(status)) return { kind: 'final', reason: `refused_${status}` };
  return { kind: 'retry' };
}
