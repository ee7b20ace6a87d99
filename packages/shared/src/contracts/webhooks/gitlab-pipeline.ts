import { flatFields } from './flat-fields.js';
import { defineFormat, noToken, tokenField, tokenUnknown } from './format.js';
import { gitlabProjectUrl, projectField } from './gitlab.js';

/**
 * `POST /api/v4/projects/{id}/trigger/pipeline`: 201. The trigger token is in the body, because proxies log URLs.
 * Free text (`detail`) is no variable, because GitLab expands `$NAME` in variables.
 */
export const gitlabPipeline = defineFormat({
  type: 'gitlab_pipeline',
  name: 'GitLab pipeline',
  description: 'Triggers a pipeline; the URL is the one of the GitLab instance',
  target: 'api',
  setsCommitStatus: false,
  fields: {
    token: { ...tokenField, required: true },
    project: { ...projectField, required: true },
    ref: {
      rule: { maxLength: 255 },
      required: true,
      description: 'The branch or tag whose pipeline runs',
      label: 'Branch or tag',
      option: 'ref',
      value: '<branch>',
      help: 'the branch or tag whose pipeline is run',
    },
  },
  skips: {},
  failures: noToken,
  supports: () => true,
  request({ format, url, message, messageId, token: tokenOf }) {
    const token = tokenOf(format.token);
    if (!token) return tokenUnknown(format.token, url);
    const { detail: _detail, ...fields } = flatFields(message);
    const variables = Object.entries({ message_id: messageId, ...fields }).map(
      ([name, value]) => [`SLIPWAY_${name.toUpperCase()}`, String(value)] as const,
    );
    return {
      url: gitlabProjectUrl(url, format.project, '/trigger/pipeline'),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        token: token.reveal(),
        ref: format.ref,
        variables: Object.fromEntries(variables),
      }),
      token,
    };
  },
});
