import type { JobMessage } from '../webhook-message.js';
import { isJobMessage, noCommit, pageUrl, statusName, statusText } from './commit-status.js';
import { defineFormat, type FormatInput, isOwnerAndName, noToken, tokenField } from './format.js';
import { githubCall, readGithubAnswer } from './github.js';

const maxDescription = 140;
const maxContext = 255;

/** `POST /repos/{owner}/{repo}/statuses/{sha}`: 201, or 422 for an unknown commit. */
export const githubCommitStatus = defineFormat({
  type: 'github_commit_status',
  name: 'GitHub commit status',
  description: 'A status on the commit of `vcs`; the URL is that of the API, as https://api.github.com',
  target: 'api',
  setsCommitStatus: true,
  fields: {
    token: { ...tokenField, required: true },
    context: {
      rule: { maxLength: 200 },
      description: 'Default: `slipway/<function>`',
      label: 'Context',
      option: 'context',
      value: '<text>',
      help: 'the name of the status',
    },
  },
  skips: noCommit,
  failures: noToken,
  supports: (message) => isJobMessage(message) && isOwnerAndName(message.data.vcs?.repo),
  request(input) {
    const { format, message, isUserFault } = input;
    if (!isJobMessage(message)) return { skip: 'no_commit' };
    const { vcs } = message.data;
    if (!vcs || !isOwnerAndName(vcs.repo)) return { skip: 'no_commit' };
    const target = pageUrl(input);
    return githubCall({
      input,
      path: `/repos/${vcs.repo}/statuses/${vcs.sha}`,
      body: {
        state: stateOf(message, isUserFault),
        context: format.context ?? statusName(message, maxContext),
        description: statusText(message, maxDescription),
        ...(target !== undefined && { target_url: target }),
      },
    });
  },
  readAnswer: readGithubAnswer,
});

/** `failure` is for errors that the author of the commit can correct, `error` for all others. */
function stateOf(
  { data: { job, code } }: JobMessage,
  isUserFault: FormatInput['isUserFault'],
): 'pending' | 'success' | 'failure' | 'error' {
  switch (job.state) {
    case 'queued':
    case 'running':
      return 'pending';
    case 'succeeded':
      return 'success';
    case 'failed':
      return code !== undefined && isUserFault(code) ? 'failure' : 'error';
    case 'canceled':
      return 'error';
  }
}
