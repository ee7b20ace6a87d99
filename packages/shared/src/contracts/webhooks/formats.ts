import type {
  Answer,
  AnswerMeaning,
  FormatField,
  FormatSettings,
  WebhookFormatDefinition,
} from './format.js';
import { githubCommitStatus } from './github-commit-status.js';
import { githubDispatch } from './github-dispatch.js';
import { gitlabCommitStatus } from './gitlab-commit-status.js';
import { gitlabPipeline } from './gitlab-pipeline.js';
import { jenkins } from './jenkins.js';
import { standard } from './standard.js';

/** The webhook formats, in the order in which forms and help list them. */
const formats = [
  standard,
  jenkins,
  githubCommitStatus,
  githubDispatch,
  gitlabCommitStatus,
  gitlabPipeline,
] as const;

type SettingsOf<Definition> =
  Definition extends WebhookFormatDefinition<infer Type, infer Own> ? FormatSettings<Type, Own> : never;
/** The value of an endpoint's `format`. */
export type WebhookFormat = SettingsOf<(typeof formats)[number]>;
export type WebhookFormatType = WebhookFormat['type'];

type AnyFormat = WebhookFormatDefinition<
  WebhookFormatType,
  Readonly<Record<string, FormatField>>,
  WebhookFormat
>;
export const webhookFormats: readonly AnyFormat[] = formats;

/** Returns the definition of a format. Throws for a type that this version does not know. */
export function webhookFormat(type: WebhookFormatType): AnyFormat {
  const found = webhookFormats.find((format) => format.type === type);
  if (!found) throw new Error(`unknown webhook format ${type}`);
  return found;
}

/** Statuses of an API that no retry changes: the request is malformed, the token wrong, or the repository or commit unknown. */
const finalStatuses: readonly number[] = [400, 401, 403, 404, 422];

/** Returns the meaning of an answer that is not a 2xx. `Retry-After` is for the caller, because it holds for all formats. */
export function readAnswer(type: WebhookFormatType, answer: Answer, now: number): AnswerMeaning {
  const format = webhookFormat(type);
  const own = format.readAnswer?.(answer, now);
  if (own) return own;
  const final = format.target === 'api' && finalStatuses.includes(answer.status);
  return final ? { kind: 'final', reason: `refused_${answer.status}` } : { kind: 'retry' };
}
