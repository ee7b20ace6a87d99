import type { Secret } from '@slipway/shared/config';
import type { Message, WebhookFormat } from '@slipway/shared/contracts';
import type { WebhookTokens } from './tokens.js';

export interface FormatInput<F extends WebhookFormat = WebhookFormat> {
  readonly format: F;
  /** The endpoint's: where to send, or the root of the API that is called. */
  readonly url: string;
  readonly message: Message;
  /** The message as it was written at fan-out. */
  readonly body: string;
  /** The `webhook-id`. */
  readonly messageId: string;
  readonly tenant: string;
  readonly tokens: WebhookTokens;
  /** Origin and path prefix of the installation, if configured. */
  readonly publicUrl: string | undefined;
}

/** A POST. `signed`: whether it is to carry the headers of Standard Webhooks, over this very body. */
export interface FormatRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signed: boolean;
  /** The token that it carries: to be masked in what is kept of the answer, which may repeat what was sent. */
  readonly token: Secret | undefined;
}

/**
 * The request to send; or `fail` with the reason why it can never be sent (the delivery fails for good); or `skip` if there is nothing to send
 * (the delivery ends canceled).
 */
export type BuiltRequest = FormatRequest | { readonly fail: string } | { readonly skip: string };

/** The path below the URL of an API, whose own path is kept; a query or fragment is not. */
export function apiUrl(base: string, path: string): string {
  const { origin, pathname } = new URL(base);
  return `${origin}${pathname.replace(/\/+$/, '')}${path}`;
}

/** Why a token cannot be used: it names the token and the host, never a value. */
export function tokenUnknown(name: string, url: string): { fail: string } {
  return { fail: `token_unknown: WEBHOOK_TOKENS has no ${name} for ${new URL(url).origin}` };
}

/** Where the whole record is, for people to follow: absolute, or nothing. */
export function recordUrl({ message, publicUrl }: Pick<FormatInput, 'message' | 'publicUrl'>) {
  const { url } = message.data;
  if (/^https?:/.test(url)) return url;
  return publicUrl === undefined ? undefined : `${publicUrl.replace(/\/+$/, '')}${url}`;
}
