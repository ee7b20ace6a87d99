import { isJobMessage, noCommit, pageUrl, statusName, statusText } from './commit-status.js';
import { defineFormat, noToken, tokenField, tokenUnknown } from './format.js';
import { gitlabProjectUrl, projectField } from './gitlab.js';

/** Limit of characters of a name, a description or a target URL. */
const maxText = 255;

const states = {
  queued: 'pending',
  running: 'running',
  succeeded: 'success',
  failed: 'failed',
  canceled: 'canceled',
} as const;

/** `POST /api/v4/projects/{id}/statuses/{sha}` of GitLab's REST API: 201. */
export const gitlabCommitStatus = defineFormat({
  type: 'gitlab_commit_status',
  name: 'GitLab commit status',
  description:
    'A status on the commit of `vcs`; the URL is the one of the GitLab instance, such as https://gitlab.com',
  target: 'api',
  setsCommitStatus: true,
  fields: {
    token: { ...tokenField, required: true },
    project: { ...projectField, description: 'Default: the repository of `vcs`' },
    name: {
      rule: { maxLength: 200 },
      description: 'Default: `slipway/<function>`',
      label: 'Name of the status',
      option: 'statusName',
      value: '<text>',
      help: 'the name of the status',
    },
  },
  skips: noCommit,
  failures: noToken,
  supports: (message) => isJobMessage(message) && message.data.vcs !== undefined,
  request(input) {
    const { format, url, message, token: tokenOf } = input;
    if (!isJobMessage(message) || !message.data.vcs) return { skip: 'no_commit' };
    const { job, vcs } = message.data;
    const token = tokenOf(format.token);
    if (!token) return tokenUnknown(format.token, url);
    const target = pageUrl(input);
    return {
      url: gitlabProjectUrl(url, format.project ?? vcs.repo, `/statuses/${vcs.sha}`),
      headers: { 'content-type': 'application/json', 'private-token': token.reveal() },
      body: JSON.stringify({
        state: states[job.state],
        name: format.name ?? statusName(message, maxText),
        description: statusText(message, maxText),
        // GitLab refuses a status with a longer link.
        ...(target !== undefined && target.length <= maxText && { target_url: target }),
      }),
      token,
    };
  },
  /** GitLab answers 400 "Cannot transition status" if the commit already has that status or a later one: the message had arrived. */
  readAnswer: ({ status, response }) =>
    status === 400 && /Cannot transition status/i.test(response) ? { kind: 'delivered' } : undefined,
});
