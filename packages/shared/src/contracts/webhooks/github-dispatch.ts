import type { Message } from '../webhook-message.js';
import { isJobMessage } from './commit-status.js';
import { defineFormat, isOwnerAndName, noToken, tokenField } from './format.js';
import { githubCall, readGithubAnswer } from './github.js';

/** `POST /repos/{owner}/{repo}/dispatches`: 204. `client_payload` may have ten properties at its top, and 64 KB. */
export const githubDispatch = defineFormat({
  type: 'github_dispatch',
  name: 'GitHub repository_dispatch',
  description: 'A `repository_dispatch` event; the URL is that of the API',
  target: 'api',
  setsCommitStatus: false,
  fields: {
    token: { ...tokenField, required: true },
    repo: {
      rule: 'repository',
      description: 'Default: the repository of `vcs`',
      label: 'Repository',
      option: 'repo',
      value: '<owner/name>',
      help: 'the repository, in the place of that of the job',
    },
    event_type: {
      rule: { maxLength: 100 },
      default: 'slipway',
      description: 'For `on: repository_dispatch: types`',
      label: 'Event type',
      option: 'eventType',
      value: '<type>',
      help: 'the type of the event; default: slipway',
    },
  },
  skips: { no_repository: 'the job has no repository (vcs), and the format names none' },
  failures: noToken,
  supports: (message, settings) => isOwnerAndName(repositoryOf(message, settings)),
  request(input) {
    const { format, message, messageId } = input;
    const repo = repositoryOf(message, format);
    if (!isOwnerAndName(repo)) return { skip: 'no_repository' };
    return githubCall({
      input,
      path: `/repos/${repo}/dispatches`,
      body: { event_type: format.event_type, client_payload: { message_id: messageId, ...message } },
    });
  },
  readAnswer: readGithubAnswer,
});

const repositoryOf = (message: Message, { repo }: { repo?: string | undefined }): string | undefined =>
  repo ?? (isJobMessage(message) ? message.data.vcs?.repo : undefined);
