import type { Fields } from './fields.js';

/** Returns `PUBLIC_URL`, the address of the API for users and webhook receivers: an origin and an optional path, without a trailing slash. */
export function publicUrl(fields: Fields): string | undefined {
  const isSet = fields.optional('PUBLIC_URL') !== undefined;
  return isSet ? fields.parsed('PUBLIC_URL', parsePublicUrl) : undefined;
}

function parsePublicUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new Error('must be an http or https URL');
  if (url.username !== '' || url.password !== '') throw new Error('must not hold credentials');
  if (url.search !== '' || url.hash !== '') throw new Error('must have no query or fragment');
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
