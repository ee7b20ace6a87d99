import { isIP } from 'node:net';
import type { Fields } from '@slipway/shared/config';

/** The trusted proxies before the API, and the origins of pages that may call it. */
export interface ClientConfig {
  /** Addresses and networks of proxies whose `X-Forwarded-*` headers are trusted. */
  readonly trustedProxies: readonly string[];
  /** Other origins whose pages may call the API. */
  readonly corsOrigins: readonly string[];
}

export function clientConfig(fields: Fields): ClientConfig {
  return {
    trustedProxies:
      fields.optionalParsed('TRUSTED_PROXIES', {
        doc: 'Comma-separated addresses and CIDRs of proxies whose `X-Forwarded-*` headers are trusted, for the [limits and the audit log](../requests.md)',
        parse: parseProxies,
      }) ?? [],
    corsOrigins:
      fields.optionalParsed('CORS_ORIGINS', {
        doc: 'Comma-separated origins (`https://ci.example`) whose pages may call the API with their own token; exactly those, without credentials',
        parse: parseOrigins,
      }) ?? [],
  };
}

/** Parses `CORS_ORIGINS`: comma-separated origins. */
function parseOrigins(text: string): string[] {
  const origins = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const wrong = origins.find((origin) => !isOrigin(origin));
  if (wrong !== undefined) {
    throw new Error(
      `must hold origins as browsers send them, like https://ci.example or http://host:8080, not '${wrong}'`,
    );
  }
  return origins;
}

function isOrigin(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:';
  return isWeb && url.origin === text && !text.includes('*');
}

function parseProxies(raw: string): string[] {
  const list = raw
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  const wrong = list.find((item) => !isProxy(item));
  if (wrong !== undefined) throw new Error(`must be addresses and CIDRs, not '${wrong}'`);
  return list;
}

function isProxy(item: string): boolean {
  const [address = '', bits, ...rest] = item.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}
