import type { Message, WebhookFormat } from '@slipway/shared/contracts';
import { dispatchRepository, githubCommitStatus, githubDispatch, isGithubRepository } from './github.js';
import { gitlabCommitStatus, gitlabPipeline } from './gitlab.js';
import { jenkins } from './jenkins.js';
import type { BuiltRequest, FormatInput } from './request.js';

/** Returns the request that sends a message in the endpoint's format. Pure; called again for each attempt, so no token is stored. */
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

/** Returns true if the format supports the message. Other messages create no delivery. */
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

/** Returns true if a message must not follow a later one about the same job: the receiver shows the last call. */
export function ordersMatter({ type }: WebhookFormat): boolean {
  return type === 'github_commit_status' || type === 'gitlab_commit_status';
}
