import type { IncomingHttpHeaders } from 'node:http';
import { parseImageReference } from '@slipway/shared/contracts';
import { SlipwayError, shownValue } from '@slipway/shared/errors';
import { normalPlatform } from '@slipway/shared/platforms';
import { z } from 'zod';
import { manifestTypes, type RegistryClient } from '../registry/client.js';
import { placeOf } from '../registry/place.js';
import { type RegistryAnswer, sha256Of } from '../registry/request.js';
import { rateLimitMs, retryAfterMs } from '../registry/waits.js';

/** The image that the registry has under a reference. */
export interface FoundBase {
  readonly digest: string;
  /** The manifest of each platform of an index; undefined for an image without an index, and for a digest that is known. */
  readonly platforms: Readonly<Record<string, string>> | undefined;
  /** Milliseconds in which the registry should get no request. */
  readonly pauseMs: number | undefined;
}

interface ReadBaseOptions {
  /** In canonical spelling, with a tag. */
  readonly reference: string;
  /** The digest of the last check. With this digest the index is not read. */
  readonly known: string | undefined;
  readonly client: Pick<RegistryClient, 'manifest'>;
  readonly signal: AbortSignal;
  /** Redis' time, in ms. */
  readonly now: () => number;
}

/** Limit of the platforms of an index that are compared. */
const maxPlatforms = 64;
const indexTypes = manifestTypes.filter((type) => /index|list/.test(type));
/** Types of servers that do not know the type of a manifest. Its own `mediaType` counts then. */
const vagueTypes = ['', 'application/json', 'application/octet-stream', 'text/plain'];

const manifestSchema = z.looseObject({
  mediaType: z.string().optional(),
  config: z.looseObject({ digest: z.string() }).optional(),
  manifests: z
    .array(
      z.looseObject({
        digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
        platform: z
          .looseObject({
            os: z.string().max(64),
            architecture: z.string().max(64),
            variant: z.string().max(64).optional(),
          })
          .optional(),
      }),
    )
    .max(1_000)
    .optional(),
});

/**
 * Asks the registry for the digest of a tag, with HEAD. Reads the manifest for another digest than the known one, and if HEAD gives no digest. Trusts
 * no header alone: a manifest must have the digest that the registry gave. Throws errors of the table; `retryAfter` is the wait that the registry asks for.
 */
export async function readBase(options: ReadBaseOptions): Promise<FoundBase> {
  const { reference, known, client, signal, now } = options;
  const place = placeOf(reference);
  const tag = parseImageReference(reference)?.tag ?? 'latest';
  const ask = (name: string, method: 'HEAD' | 'GET') => client.manifest({ place, name, method, signal });
  const head = await ask(tag, 'HEAD');
  const takesHead = ![400, 405, 501].includes(head.status);
  if (takesHead) check(head, reference, now());
  const said = takesHead ? digestIn(head.headers) : undefined;
  if (takesHead) checkType(typeOf(head.headers), head.url.host);
  if (said !== undefined && said === known)
    return { digest: said, platforms: undefined, pauseMs: rateLimitMs(head.headers) };
  const answer = await ask(said ?? tag, 'GET');
  check(answer, reference, now());
  const digest = sha256Of(answer.body);
  const claimed = [said, digestIn(answer.headers)].find((each) => each !== undefined && each !== digest);
  if (claimed !== undefined)
    throw protocol(`${answer.url.host} gives the digest ${claimed} for content with the digest ${digest}.`);
  const pauseMs = rateLimitMs(answer.headers);
  if (digest === known) return { digest, platforms: undefined, pauseMs };
  return { digest, platforms: platformsOf(answer), pauseMs };
}

const protocol = (detail: string) => new SlipwayError('registry_protocol', detail);

/** Returns the digest of the header; undefined if it is missing or no SHA-256. */
function digestIn(headers: IncomingHttpHeaders): string | undefined {
  const digest = headers['docker-content-digest'];
  return typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined;
}

const typeOf = (headers: IncomingHttpHeaders) =>
  (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';

function checkType(type: string, host: string): void {
  if (manifestTypes.includes(type) || vagueTypes.includes(type)) return;
  throw protocol(`${host} answers with ${shownValue(type)}, which is no image manifest.`);
}

/** Throws the error for a status other than 200. */
function check({ status, headers, url }: RegistryAnswer, reference: string, now: number): void {
  if (status === 200) return;
  const waitMs = retryAfterMs(headers, now);
  const options = waitMs === undefined ? {} : { retryAfter: waitMs / 1_000 };
  const detail = `${url.host} answered ${status} for ${reference}.`;
  if (status === 401 || status === 403) throw new SlipwayError('pull_unauthorized', detail, options);
  if (status === 404) throw new SlipwayError('base_image_missing', detail, options);
  if (status === 429) throw new SlipwayError('pull_rate_limited', detail, options);
  throw new SlipwayError(status >= 500 ? 'registry_unreachable' : 'registry_protocol', detail, options);
}

/** Returns the manifest of each platform of an index. Leaves out attestations. */
function platformsOf({ headers, body, url }: RegistryAnswer): FoundBase['platforms'] {
  const { data } = manifestSchema.safeParse(jsonOf(body));
  if (!data) throw protocol(`${url.host} answers with something other than an image manifest.`);
  const header = typeOf(headers);
  checkType(header, url.host);
  const type = vagueTypes.includes(header) ? (data.mediaType ?? '') : header;
  checkType(type, url.host);
  const isIndex = indexTypes.includes(type) || (vagueTypes.includes(type) && data.manifests !== undefined);
  if (!isIndex && data.config) return undefined;
  if (!isIndex || !data.manifests) throw protocol(`${url.host} answers with a manifest that has no image.`);
  const platforms: Record<string, string> = {};
  for (const { digest, platform } of data.manifests) {
    if (!platform || platform.os === 'unknown' || Object.keys(platforms).length >= maxPlatforms) continue;
    const { os, architecture, variant } = platform;
    platforms[normalPlatform([os, architecture, ...(variant ? [variant] : [])].join('/'))] ??= digest;
  }
  return platforms;
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
