import { connectionReason } from '@slipway/client';
import { withoutCredentials } from '@slipway/source';
import { EnvHttpProxyAgent, fetch } from 'undici';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';

/** The list of the OpenFaaS community, the default of `faas-cli`. */
const officialStore = 'https://raw.githubusercontent.com/openfaas/store/master/templates.json';

const maxBytes = 4 * 1024 * 1024;
const timeoutMs = 30_000;

/** Returns the URL of the template store: the option, else the environment, else the official store. */
export const storeUrl = (
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string => given ?? (env.OPENFAAS_TEMPLATE_STORE_URL || officialStore);

/** Reads a template store. Returns repositories by template name. For duplicate names it selects the same as `faas-cli`. */
export async function readStore({
  url,
  signal,
}: {
  readonly url: string;
  readonly signal: AbortSignal;
}): Promise<ReadonlyMap<string, string>> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new CommandError({
      message: `the template store ${withoutCredentials(url)} is no http or https URL`,
      remedy: 'Correct --template-store or OPENFAAS_TEMPLATE_STORE_URL.',
      exitCode: exitCodes.usage,
    });
  }
  const list = parseList(await download(url, signal));
  if (!list) throw unusable(url, 'does not answer with a JSON list of templates');
  const repositories = new Map<string, string>();
  for (const { template, repo } of list.sort(byRank)) {
    if (!repositories.has(template)) repositories.set(template, repo);
  }
  return repositories;
}

async function download(url: string, signal: AbortSignal): Promise<string> {
  const timeout = AbortSignal.timeout(timeoutMs);
  // Uses the proxy of the environment, as git does.
  const dispatcher = new EnvHttpProxyAgent();
  try {
    const { address, headers } = withBasicAuth(url);
    const response = await fetch(address, {
      dispatcher,
      headers,
      signal: AbortSignal.any([signal, timeout]),
    });
    if (response.status !== 200) throw unusable(url, `answers with ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > maxBytes) throw unusable(url, `answers with more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    if (error instanceof CommandError) throw error;
    signal.throwIfAborted();
    if (timeout.aborted) throw unusable(url, `has not answered within ${timeoutMs / 1000} s`);
    throw unusable(url, `cannot be reached: ${connectionReason(error)}`);
  } finally {
    await dispatcher.destroy();
  }
}

/** Moves credentials from the URL to a header, because `fetch` refuses such a URL. */
function withBasicAuth(text: string) {
  const address = new URL(text);
  const { username, password } = address;
  if (username === '' && password === '') return { address, headers: {} };
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  address.username = '';
  address.password = '';
  return { address, headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` } };
}

interface Entry {
  readonly template: string;
  readonly repo: string;
  readonly recommended: boolean;
  readonly official: string;
}

function parseList(text: string): Entry[] | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed)) return undefined;
  return parsed.flatMap((each: unknown) => {
    const { template, repo, recommended, official } = (each ?? {}) as Readonly<Record<string, unknown>>;
    if (typeof template !== 'string' || typeof repo !== 'string') return [];
    return [{ template, repo, recommended: recommended === true, official: String(official ?? '') }];
  });
}

/** Compares by the order of `faas-cli`: recommended ones first, then by the text of `official`. */
const byRank = (one: Entry, other: Entry): number =>
  Number(other.recommended) - Number(one.recommended) ||
  (one.official < other.official ? -1 : Number(one.official > other.official));

const unusable = (url: string, what: string): CommandError =>
  new CommandError({
    message: `the template store ${withoutCredentials(url)} ${what}`,
    remedy:
      'Check --template-store or OPENFAAS_TEMPLATE_STORE_URL, and the proxy; or name the source of the template in configuration.templates.',
    exitCode: exitCodes.failed,
  });
