import type { WebhookRequest } from '@slipway/client';

type Format = NonNullable<WebhookRequest['format']>;
export type FormatType = Format['type'];
export type FormatField = 'token' | 'context' | 'repo' | 'event_type' | 'project' | 'name' | 'ref';

interface FormatForm {
  readonly name: string;
  readonly required: readonly FormatField[];
  readonly optional: readonly FormatField[];
}

/** The name and the fields of each format. */
export const formatForms: Readonly<Record<FormatType, FormatForm>> = {
  standard: { name: 'Standard Webhooks', required: [], optional: [] },
  jenkins: { name: 'Jenkins, Generic Webhook Trigger', required: [], optional: ['token'] },
  github_commit_status: { name: 'GitHub commit status', required: ['token'], optional: ['context'] },
  github_dispatch: {
    name: 'GitHub repository_dispatch',
    required: ['token'],
    optional: ['repo', 'event_type'],
  },
  gitlab_commit_status: { name: 'GitLab commit status', required: ['token'], optional: ['project', 'name'] },
  gitlab_pipeline: { name: 'GitLab pipeline', required: ['token', 'project', 'ref'], optional: [] },
};

export const fieldNames: Readonly<Record<FormatField, string>> = {
  token: 'Name of a token in the settings of the workers',
  context: 'Context',
  repo: 'Repository',
  event_type: 'Event type',
  project: 'Project',
  name: 'Name of the status',
  ref: 'Branch or tag',
};

export type FormatValues = Partial<Record<FormatField, string>>;

/** Returns the format with its own fields. Empty fields are left to the API's defaults. */
export function formatOf(type: FormatType, values: FormatValues): Format {
  const { required, optional } = formatForms[type];
  const given = [...required, ...optional].flatMap((field) => {
    const value = values[field]?.trim();
    return value ? [[field, value] as const] : [];
  });
  return { type, ...Object.fromEntries(given) } as Format;
}
