import {
  type JobMessage,
  type Message,
  parseImageReference,
  type WebhookFormat,
} from '@slipway/shared/contracts';
import { errorCodes, errorRow } from '@slipway/shared/errors';
import { apiUrl, type BuiltRequest, type FormatInput, recordUrl, tokenUnknown } from './request.js';
import { oneLine } from './text.js';

type Status = Extract<WebhookFormat, { type: 'github_commit_status' }>;
type Dispatch = Extract<WebhookFormat, { type: 'github_dispatch' }>;

const maxDescription = 140;
const maxContext = 255;

/** `owner/name`, and nothing that would lead to another path of the API. */
const repository = /^(?!\.{1,2}\/)[A-Za-z0-9._-]+\/(?!\.{1,2}$)[A-Za-z0-9._-]+$/;
export const isGithubRepository = (name: string | undefined): name is string =>
  name !== undefined && repository.test(name);

/** The repository that a dispatch goes to, if one is known. */
export const dispatchRepository = ({ repo }: Dispatch, message: Message): string | undefined =>
  repo ?? ('vcs' in message.data ? message.data.vcs?.repo : undefined);

/** `POST /repos/{owner}/{repo}/statuses/{sha}` of GitHub's REST API, version 2022-11-28: 201, or 422 for a commit that it does not know. */
export function githubCommitStatus(input: FormatInput<Status>): BuiltRequest {
  const { format, message } = input;
  if (!('job' in message.data)) return { skip: 'no_commit' };
  const { vcs } = message.data;
  if (!vcs || !isGithubRepository(vcs.repo)) return { skip: 'no_commit' };
  const target = recordUrl(input);
  return call(input, `/repos/${vcs.repo}/statuses/${vcs.sha}`, {
    state: statusOf(message as JobMessage),
    context: format.context ?? statusName(message as JobMessage, maxContext),
    description: describe(message as JobMessage, maxDescription),
    ...(target !== undefined && { target_url: target }),
  });
}

/** `POST /repos/{owner}/{repo}/dispatches`: 204. `client_payload` may have ten properties at its top, and 64 KB. */
export function githubDispatch(input: FormatInput<Dispatch>): BuiltRequest {
  const { format, message, messageId } = input;
  const repo = dispatchRepository(format, message);
  if (!isGithubRepository(repo)) return { skip: 'no_repository' };
  return call(input, `/repos/${repo}/dispatches`, {
    event_type: format.event_type,
    client_payload: { message_id: messageId, ...message },
  });
}

function call(input: FormatInput<Status | Dispatch>, path: string, body: unknown): BuiltRequest {
  const { format, tenant, tokens, url } = input;
  const token = tokens.find({ tenant, name: format.token, url });
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
    signed: false,
    token,
  };
}

/** `failure` is what the author of the commit can mend, `error` all else that kept the image from being built. */
function statusOf({ data: { job, code } }: JobMessage): 'pending' | 'success' | 'failure' | 'error' {
  switch (job.state) {
    case 'queued':
    case 'running':
      return 'pending';
    case 'succeeded':
      return 'success';
    case 'failed': {
      const known = errorCodes.find((each) => each === code);
      return known !== undefined && errorRow(known).fault === 'user' ? 'failure' : 'error';
    }
    case 'canceled':
      return 'error';
  }
}

/** Returns a name that distinguishes the statuses of images of one commit, for endpoints without a configured name. */
export function statusName({ data: { job } }: JobMessage, max: number): string {
  return `slipway/${job.function ?? parseImageReference(job.image)?.path ?? job.image}`.slice(0, max);
}

/** Returns a job's state as one line for people. */
export function describe({ data: { job, digest, code, detail } }: JobMessage, max: number): string {
  switch (job.state) {
    case 'queued':
      return 'Waiting to be built';
    case 'running':
      return 'Building';
    case 'succeeded':
      return oneLine(digest === undefined ? 'Built' : `Built ${digest.slice(0, 19)}`, max);
    case 'failed':
      return oneLine([code ?? 'failed', detail].filter(Boolean).join(': '), max);
    case 'canceled':
      return oneLine(
        ['Canceled', code === 'canceled' ? undefined : code, detail].filter(Boolean).join(': '),
        max,
      );
  }
}
