import type { Message } from '../webhook-message.js';

/** A setting of a format, for the schema of the API, the options of the CLI and the form of the dashboard. */
export interface FormatField {
  /** `token`: the name of a token in WEBHOOK_TOKENS. `repository`: a repository as in `vcs.repo`. Otherwise free text. */
  readonly rule: 'token' | 'repository' | { readonly maxLength: number };
  readonly required?: true;
  readonly default?: string;
  /** The description in the OpenAPI document. */
  readonly description?: string;
  /** The label in the dashboard's form. */
  readonly label: string;
  /** The option of the CLI: `statusName` is `--status-name`. Fields with the same option have the same `label`, `value` and `help`. */
  readonly option: string;
  /** The placeholder of the option's value: `<name>`. */
  readonly value: string;
  readonly help: string;
}

type Fields = Readonly<Record<string, FormatField>>;
type PresentField = { readonly required: true } | { readonly default: string };

/** The value of an endpoint's `format`: the type of the format and its settings. */
export type FormatSettings<Type extends string, Own extends Fields> = { type: Type } & {
  [Name in keyof Own as Own[Name] extends PresentField ? Name : never]: string;
} & {
  [Name in keyof Own as Own[Name] extends PresentField ? never : Name]?: string;
};

/** A token of WEBHOOK_TOKENS. */
interface Token {
  reveal(): string;
}

/** A message to one endpoint. */
export interface FormatInput<Settings = { type: string }> {
  readonly format: Settings;
  /** The endpoint's URL: the receiver, or the root of the API that is called. */
  readonly url: string;
  readonly message: Message;
  /** The message as JSON. It never changes between attempts. */
  readonly body: string;
  /** The `webhook-id`. */
  readonly messageId: string;
  /** Origin and path prefix of the installation, if configured. */
  readonly publicUrl: string | undefined;
  /** Returns the token of this name, if the tenant has it for the host of `url`. */
  readonly token: (name: string) => Token | undefined;
  /** Returns true if only the author of the source can correct the error. */
  readonly isUserFault: (code: string) => boolean;
}

/** A POST request. */
export interface FormatRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The token that the request carries. Stored answers mask it, because they may repeat what was sent. */
  readonly token: Token | undefined;
}

/** The reason why a delivery fails permanently. `detail` has the wrong value. */
interface Failure<Code extends string = string> {
  readonly fail: Code;
  readonly detail: string;
}

/** The request; or `fail`, the reason why the delivery fails permanently; or `skip`, the reason why it ends canceled. */
export type BuiltRequest<Skip extends string = string, Fail extends string = string> =
  | FormatRequest
  | Failure<Fail>
  | { readonly skip: Skip };

/** An answer that is not a 2xx. */
export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The stored part of the body. */
  readonly response: string;
}

/** The meaning of an answer other than 2xx. `notBefore` is in milliseconds since the epoch. */
export type AnswerMeaning =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'final'; readonly reason: string }
  | { readonly kind: 'retry'; readonly notBefore?: number };

/** A webhook format. The API, the worker, the CLI and the dashboard take everything about it from this object. */
export interface WebhookFormatDefinition<
  Type extends string = string,
  Own extends Fields = Fields,
  Settings = FormatSettings<Type, Own>,
  Skip extends string = string,
  Fail extends string = string,
> {
  /** The value of `format.type`. */
  readonly type: Type;
  /** The name for people. */
  readonly name: string;
  /** The description in the OpenAPI document. */
  readonly description: string;
  /**
   * `receiver`: the URL receives signed messages. `api`: the URL is the base of a CI system's API, so it has no query; requests carry
   * a token in the place of a signature, and 400, 401, 403, 404 and 422 are final.
   */
  readonly target: 'receiver' | 'api';
  /**
   * True if each message sets the status of the commit of its job. Slipway then sends one message at a time by default, cancels
   * a message that a later one overtook, and sends no test messages.
   */
  readonly setsCommitStatus: boolean;
  readonly fields: Own;
  /** The reasons for which a message is skipped, with their texts for people. */
  readonly skips: Readonly<Record<Skip, string>>;
  /** The reasons for which a request fails permanently, with their texts for people. */
  readonly failures: Readonly<Record<Fail, string>>;
  /** Returns true if the format supports the message. Other messages create no delivery. */
  supports(message: Message, settings: Settings): boolean;
  /** Returns the request that sends a message. Pure; runs again for each attempt, so no token is stored. */
  request(input: FormatInput<Settings>): BuiltRequest<NoInfer<Skip>, NoInfer<Fail>>;
  /** Returns the meaning of an answer that is not a 2xx, or undefined for the usual meaning of its status. */
  readAnswer?(answer: Answer, now: number): AnswerMeaning | undefined;
}

/** Returns the definition. Its type has the literal types of its fields. */
export const defineFormat = <
  const Type extends string,
  const Own extends Fields,
  const Skip extends string,
  const Fail extends string,
>(
  definition: WebhookFormatDefinition<Type, Own, FormatSettings<Type, Own>, Skip, Fail>,
): WebhookFormatDefinition<Type, Own, FormatSettings<Type, Own>, Skip, Fail> => definition;

/** The setting that names the token of the requests. */
export const tokenField = {
  rule: 'token',
  label: 'Name of a token in the settings of the workers',
  option: 'formatToken',
  value: '<name>',
  help: 'the name of the token (WEBHOOK_TOKENS)',
} as const satisfies FormatField;

const ownerAndName = /^(?!\.{1,2}\/)[A-Za-z0-9._-]+\/(?!\.{1,2}$)[A-Za-z0-9._-]+$/;
/** Returns true for `owner/name` without segments that lead to another path of an API. */
export const isOwnerAndName = (repository: string | undefined): repository is string =>
  repository !== undefined && ownerAndName.test(repository);

/** Returns the URL of an API path below the base URL. Keeps the path of the base, and drops its query and fragment. */
export function apiUrl(base: string, path: string): string {
  const { origin, pathname } = new URL(base);
  return `${origin}${pathname.replace(/\/+$/, '')}${path}`;
}

/** The failures of formats with `tokenField`. */
export const noToken = { token_unknown: 'the workers have no token of this name for this host' } as const;

/** Returns the failure of a request whose token is not configured. It names the token and the host, never a value. */
export function tokenUnknown(name: string, url: string): Failure<keyof typeof noToken> {
  return { fail: 'token_unknown', detail: `WEBHOOK_TOKENS has no ${name} for ${new URL(url).origin}` };
}
