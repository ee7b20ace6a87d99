import {
  type Answer,
  type AnswerMeaning,
  apiUrl,
  type BuiltRequest,
  type FormatInput,
  type noToken,
  tokenUnknown,
} from './format.js';

interface Call {
  readonly input: FormatInput<{ token: string }>;
  readonly path: string;
  readonly body: unknown;
}

/** Returns a call of GitHub's REST API, version 2022-11-28. */
export function githubCall({
  input: { format, token: tokenOf, url },
  path,
  body,
}: Call): BuiltRequest<never, keyof typeof noToken> {
  const token = tokenOf(format.token);
  if (!token) return tokenUnknown(format.token, url);
  return {
    url: apiUrl(url, path),
    headers: {
      accept: 'application/vnd.github+json',
      authorization: `Bearer ${token.reveal()}`,
      'content-type': 'application/json',
      'x-github-api-version': '2022-11-28',
    },
    body: JSON.stringify(body),
    token,
  };
}

const rateLimitPauseMs = 60_000;

/**
 * GitHub limits the rate with 403 or 429. It names the time to continue in `Retry-After`, or in `x-ratelimit-reset` (seconds since the
 * epoch) once `x-ratelimit-remaining` is 0. Without either, it asks for a pause of at least a minute.
 */
export function readGithubAnswer(answer: Answer, now: number): AnswerMeaning | undefined {
  const { status, headers, response } = answer;
  if (status !== 403 && status !== 429) return undefined;
  const limited = status === 429 || 'retry-after' in headers || /rate limit|abuse detection/i.test(response);
  const exhausted = headers['x-ratelimit-remaining'] === '0';
  const reset = Number(headers['x-ratelimit-reset']) * 1_000;
  if (exhausted && reset > now) return { kind: 'retry', notBefore: reset };
  if (!limited && !exhausted) return undefined;
  return { kind: 'retry', ...(!('retry-after' in headers) && { notBefore: now + rateLimitPauseMs }) };
}
