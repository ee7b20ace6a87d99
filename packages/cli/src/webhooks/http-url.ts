import { InvalidArgumentError } from 'commander';

/** Parses an http or https URL without credentials. */
export function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('It must be an http or https URL, such as http://127.0.0.1:3000/hook.');
  }
  if (url.username !== '' || url.password !== '')
    throw new InvalidArgumentError('It must hold no credentials.');
  return url;
}
