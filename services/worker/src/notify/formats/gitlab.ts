import type { JobMessage, WebhookFormat } from '@slipway/shared/contracts';
import { flatFields } from './flat.js';
import { describe, statusName } from './github.js';
import { apiUrl, type BuiltRequest, type FormatInput, recordUrl, tokenUnknown } from './request.js';

type Status = Extract<WebhookFormat, { type: 'gitlab_commit_status' }>;
type Pipeline = Extract<WebhookFormat, { type: 'gitlab_pipeline' }>;

/** Characters of a name, a description or a target URL. */
const maxText = 255;

const states = {
  queued: 'pending',
  running: 'running',
  succeeded: 'success',
  failed: 'failed',
  canceled: 'canceled',
} as const;

/** `POST /api/v4/projects/{id}/statuses/{sha}` of GitLab's REST API: 201. */
export function gitlabCommitStatus(input: FormatInput<Status>): BuiltRequest {
  const { format, url, message, tenant, tokens } = input;
  if (!('job' in message.data) || !message.data.vcs) return { skip: 'no_commit' };
  const { job, vcs } = message.data;
  const token = tokens.find({ tenant, name: format.token, url });
  if (!token) return tokenUnknown(format.token, url);
  const target = recordUrl(input);
  return {
    url: projectUrl(url, format.project ?? vcs.repo, `/statuses/${vcs.sha}`),
    headers: { 'content-type': 'application/json', 'private-token': token.reveal() },
    body: JSON.stringify({
      state: states[job.state],
      name: format.name ?? statusName(message as JobMessage, maxText),
      description: describe(message as JobMessage, maxText),
      // A longer one is refused, and with it the status.
      ...(target !== undefined && target.length <= maxText && { target_url: target }),
    }),
    signed: false,
    token,
  };
}

/**
 * `POST /api/v4/projects/{id}/trigger/pipeline`: 201. The trigger token goes in the body, as a URL would be logged on the way.
 * Free text (`detail`) is no variable, because GitLab expands `$NAME` in them.
 */
export function gitlabPipeline(input: FormatInput<Pipeline>): BuiltRequest {
  const { format, url, message, messageId, tenant, tokens } = input;
  const token = tokens.find({ tenant, name: format.token, url });
  if (!token) return tokenUnknown(format.token, url);
  const { detail: _detail, ...fields } = flatFields(message);
  const variables = Object.entries({ message_id: messageId, ...fields }).map(
    ([name, value]) => [`SLIPWAY_${name.toUpperCase()}`, String(value)] as const,
  );
  return {
    url: projectUrl(url, format.project, '/trigger/pipeline'),
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      token: token.reveal(),
      ref: format.ref,
      variables: Object.fromEntries(variables),
    }),
    signed: false,
    token,
  };
}

/** GitLab takes a project by its path as one segment. */
const projectUrl = (url: string, project: string, path: string) =>
  apiUrl(url, `/api/v4/projects/${encodeURIComponent(project)}${path}`);
