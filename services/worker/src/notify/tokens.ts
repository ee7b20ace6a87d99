import { Secret } from '@slipway/shared/config';

interface Entry {
  readonly tenant: string;
  readonly name: string;
  /** Scheme, host and port. The token is sent only there. */
  readonly origin: string;
  readonly value: Secret;
}

const defaultTenant = 'default';
const entryPattern =
  /^(?:(?<tenant>[a-z0-9][a-z0-9._-]{0,62})\/)?(?<name>[a-z0-9][a-z0-9_-]{0,62})@(?<host>[^\s=/?#@]+|https?:\/\/[^\s=/?#@]+)=(?<value>.*)$/;

/** The tokens for calls of CI systems. Each belongs to one tenant and one host. */
export class WebhookTokens {
  readonly #entries: readonly Entry[];

  constructor({ entries = [] }: { entries?: readonly Entry[] } = {}) {
    this.#entries = entries;
  }

  /** Number of tokens. Logs may show nothing else of them. */
  get size(): number {
    return this.#entries.length;
  }

  /** Returns the token of this name, if the tenant has it and it is for the host of the URL. */
  find({ tenant, name, url }: { tenant: string; name: string; url: string }): Secret | undefined {
    const { origin } = new URL(url);
    return this.#entries.find(
      (entry) => entry.tenant === tenant && entry.name === name && entry.origin === origin,
    )?.value;
  }
}

/**
 * Parses `[tenant/]name@host=value`, comma-separated or one a line. Requests to a host use https unless it is
 * written as `http://host:port`. Throws on other text. The message quotes no part of a value.
 */
export function parseWebhookTokens(text: string): WebhookTokens {
  const entries = text
    .split(/[,\n]/)
    .map((item) => item.trim())
    .flatMap((item, at) => (item === '' ? [] : parseEntry(item, at + 1)));
  const keys = entries.map(({ tenant, name, origin }) => `${tenant}/${name}@${origin}`);
  const twice = keys.find((key, at) => keys.indexOf(key) !== at);
  if (twice !== undefined) throw new Error(`gives ${twice} twice`);
  return new WebhookTokens({ entries });
}

function parseEntry(item: string, position: number): Entry {
  const { tenant = defaultTenant, name, host, value } = entryPattern.exec(item)?.groups ?? {};
  if (name === undefined || host === undefined || value === undefined) {
    throw new Error(`must hold [tenant/]name@host=value, which entry ${position} is not`);
  }
  const url = host.startsWith('http') && host.includes('://') ? host : `https://${host}`;
  if (!URL.canParse(url)) throw new Error(`must name a host in entry ${position}, ${name}`);
  // The value becomes a part of a header.
  if (!/^[\x21-\x7e]+$/.test(value)) {
    throw new Error(`must give entry ${position}, ${name}, a value of visible characters without spaces`);
  }
  return { tenant, name, origin: new URL(url).origin, value: new Secret(value) };
}
