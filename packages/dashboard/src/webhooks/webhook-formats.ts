import type { Webhook } from '@slipway/client';
import { type WebhookFormatType, webhookFormat } from '@slipway/shared/contracts';

/** The values of a format's fields, by their names. */
export type FormatValues = Readonly<Record<string, string>>;

/** Returns the format with its own fields. Empty fields are left to the API's defaults. */
export function formatOf(type: WebhookFormatType, values: FormatValues): Webhook['format'] {
  const given = Object.keys(webhookFormat(type).fields).flatMap((field) => {
    const value = values[field]?.trim();
    return value ? [[field, value] as const] : [];
  });
  return { type, ...Object.fromEntries(given) } as Webhook['format'];
}
