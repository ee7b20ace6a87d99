import type { Fields } from './fields.js';

/** Returns `PUBLIC_URL`, the address of the API for users and webhook receivers: an origin and an optional path, without a trailing slash. */
export function publicUrl(fields: Fields): string | undefined {
  return fields.optionalParsed('PUBLIC_URL', {
    doc: 'Where people and receivers of webhooks find the API: an origin and an optional path. Links in messages begin with it; without it they are paths',
    parse: parsePublicUrl,
  });
}

function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new Error('must be an http or https URL');
  if (url.username !== '' || url.password !== '') throw new Error('must not hold credentials');
  if (url.search !== '' || url.hash !== '') throw new Error('must have no query or fragment');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
