import type { Fields, Secret } from '@slipway/shared/config';
import { usualDelaysMs } from './next-step.js';
import { parseWebhookTokens, WebhookTokens } from './tokens.js';

export interface WebhookConfig {
  readonly webhookSecret: Secret | undefined;
  /** Milliseconds before each attempt to deliver a webhook message after the first. */
  readonly webhookRetryDelaysMs: readonly number[];
  /** Sends trace headers to receivers of messages in the standard format. */
  readonly webhookTraceContext?: boolean;
  /** Tokens for CI systems, by tenant, name and host. */
  readonly webhookTokens: WebhookTokens;
}

export function webhookConfig(fields: Fields): WebhookConfig {
  return {
    webhookSecret: fields.optionalSecret('WEBHOOK_SECRET', {
      doc: '`whsec_…`, signs callbacks without their own secret',
      shownDefault: 'derived from the payload secret',
    }),
    webhookRetryDelaysMs:
      fields.optionalParsed('WEBHOOK_RETRY_SECONDS', {
        doc: 'Seconds before each attempt to deliver a [webhook](../webhooks.md) message after the first, ±10 %',
        shownDefault: usualDelaysMs.map((ms) => ms / 1_000).join(', '),
        parse: parseRetrySeconds,
      }) ?? usualDelaysMs,
    webhookTraceContext: fields.bool('WEBHOOK_TRACE_CONTEXT', {
      doc: '`true` sends the trace context to receivers of the standard format; [Tracing](../tracing.md)',
      default: false,
    }),
    webhookTokens:
      fields.parsedSecret('WEBHOOK_TOKENS', {
        doc: '`[tenant/]name@host=value`, comma-separated or one a line: [tokens of CI systems](../ci/README.md#tokens), for one host over https, or `name@http://host:port=value`',
        parse: parseWebhookTokens,
      }) ?? new WebhookTokens(),
  };
}

/** Limit of attempts after the first. */
const mostRetries = 30;
const weekSeconds = 7 * 24 * 3600;

/** Seconds before each retry, comma-separated; the usual schedule when there are none. */
function parseRetrySeconds(text: string): readonly number[] {
  const items = text.split(',').map((item) => item.trim());
  if (items.every((item) => item === '')) return usualDelaysMs;
  const seconds = items.map((item) => (/^\d+$/.test(item) ? Number(item) : Number.NaN));
  if (items.length > mostRetries || !seconds.every((each) => each >= 1 && each <= weekSeconds)) {
    throw new Error(
      `must hold up to ${mostRetries} numbers of seconds from 1 to ${weekSeconds}, not '${text}'`,
    );
  }
  return seconds.map((each) => each * 1_000);
}
