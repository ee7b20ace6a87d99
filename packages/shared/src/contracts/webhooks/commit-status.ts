import { parseImageReference } from '../image-reference.js';
import type { JobMessage, Message } from '../webhook-message.js';
import type { FormatInput } from './format.js';

/** The texts of skipped messages, by reason. */
export const noCommit = { no_commit: 'the job has no commit whose status could be set (vcs)' } as const;

/** Returns true if the message is about a job. */
export const isJobMessage = (message: Message): message is JobMessage => 'job' in message.data;

/**
 * Returns a name that distinguishes the statuses of images of one commit, for endpoints without a configured name. A name of more
 * than `max` UTF-16 units is cut and ends with a hash of the whole name.
 */
export function statusName({ data: { job } }: JobMessage, max: number): string {
  const name = `slipway/${job.function ?? parseImageReference(job.image)?.path ?? job.image}`;
  if (name.length <= max) return name;
  const end = `-${hashOf(name)}`;
  return `${name.slice(0, max - end.length)}${end}`;
}

/** Returns the 64-bit FNV-1a hash of a text in hexadecimal. `node:crypto` is not available in the dashboard. */
function hashOf(text: string): string {
  const hash = new TextEncoder()
    .encode(text)
    .reduce(
      (before, byte) => BigInt.asUintN(64, (before ^ BigInt(byte)) * 0x100000001b3n),
      0xcbf29ce484222325n,
    );
  return hash.toString(16).padStart(16, '0');
}

/** Returns a job's state as one line for people. */
export function statusText({ data: { job, digest, code, detail } }: JobMessage, max: number): string {
  switch (job.state) {
    case 'queued':
      return 'Waiting to be built';
    case 'running':
      return 'Building';
    case 'succeeded':
      return oneLine(digest === undefined ? 'Built' : `Built ${digest.slice(0, 19)}`, max);
    case 'failed':
      return oneLine([code ?? 'failed', detail].filter(Boolean).join(': '), max);
    case 'canceled':
      return oneLine(
        ['Canceled', code === 'canceled' ? undefined : code, detail].filter(Boolean).join(': '),
        max,
      );
  }
}

/** Returns the URL of the record's page in the dashboard, or undefined if the installation's URL is not configured. */
export function pageUrl({ message, publicUrl }: Pick<FormatInput, 'message' | 'publicUrl'>) {
  const { url } = message.data;
  const absolute = /^https?:/.test(url) ? url : publicUrl && `${publicUrl.replace(/\/+$/, '')}${url}`;
  return absolute?.replace(/\/v1(?=\/[a-z]+\/[^/]+$)/, '');
}

/**
 * Returns free text as one line of at most `max` UTF-16 units, for fields of APIs that refuse longer ones. GitHub also refuses
 * characters of four bytes.
 */
function oneLine(text: string, max: number): string {
  const line = text
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/[\u{10000}-\u{10ffff}\ud800-\udfff]/gu, '\ufffd')
    .trim();
  return line.length <= max ? line : `${line.slice(0, max - 1).trimEnd()}…`;
}
