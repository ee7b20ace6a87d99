import type { Message, WebhookFormat } from '@slipway/shared/contracts';
import { dispatchRepository, githubCommitStatus, githubDispatch, isGithubRepository } from './github.js';
import { gitlabCommitStatus, gitlabPipeline } from './gitlab.js';
import { jenkins } from './jenkins.js';
import type { BuiltRequest, FormatInput } from './request.js';

/** The request that tells an endpoint of a message in its format. Pure; called anew at each attempt, so that no token is stored. */
export function buildRequest(input: FormatInput): BuiltRequest {
  const { format, url, body } = input;
  switch (format.type) {
    case 'standard':
      return { url, headers: { 'content-type': 'application/json' }, body, signed: true, token: undefined };
    case 'jenkins':
      return jenkins({ ...input, format });
    case 'github_commit_status':
      return githubCommitStatus({ ...input, format });
    case 'github_dispatch':
      return githubDispatch({ ...input, format });
    case 'gitlab_commit_status':
      return gitlabCommitStatus({ ...input, format });
    case 'gitlab_pipeline':
      return gitlabPipeline({ ...input, format });
  }
}

/** Whether the format has anything to say about the message: no delivery is made of what it has not. */
export function wants(format: WebhookFormat, message: Message): boolean {
  const vcs = 'vcs' in message.data ? message.data.vcs : undefined;
  switch (format.type) {
    case 'standard':
    case 'jenkins':
    case 'gitlab_pipeline':
      return true;
    case 'github_commit_status':
      return isGithubRepository(vcs?.repo);
    case 'gitlab_commit_status':
      return vcs !== undefined;
    case 'github_dispatch':
      return isGithubRepository(dispatchRepository(format, message));
  }
}

/** Whether a message must not be sent any more once a later one about the same job was: the last call decides what is shown. */
export function ordersMatter({ type }: WebhookFormat): boolean {
  return type === 'github_commit_status' || type === 'gitlab_commit_status';
}
