import { formatDuration, shortDigest } from '@slipway/shared/formatting';
import type { Screen } from '../terminal/terminal.js';
import { clip, shown } from '../terminal/text.js';
import type { Received } from './receiver.js';

const styles: Readonly<Record<string, 'green' | 'red' | 'yellow' | 'cyan'>> = {
  'job.succeeded': 'green',
  'job.failed': 'red',
  'job.canceled': 'yellow',
  'job.started': 'cyan',
  'builder.circuit_opened': 'red',
  'webhook.disabled': 'red',
  'base_image.changed': 'yellow',
};

/** Aligns the most frequent types, the ends of jobs. */
const typeWidth = 'job.succeeded'.length;
/** Limit of the reason's width. The log has the whole reason. */
const whyWidth = 72;

/** Formats a message in one line: time, content and outcome. */
export function messageLine(received: Received, screen: Screen): string {
  const { at, id, again, refused, message } = received;
  const time = screen.style('dim', clockTime(at));
  if (refused !== undefined) {
    return `${time}  ${screen.style('red', 'refused')}  ${shown(id || 'a message without an id')}: ${refused}`;
  }
  const type = text(message, 'type') ?? 'unknown';
  const style = styles[type];
  const name = shown(type).padEnd(typeWidth);
  const parts = [
    time,
    style ? screen.style(style, name) : name,
    ...subject(message).map(shown),
    ...(again ? [screen.style('dim', '(again)')] : []),
    ...forwardedPart(received, screen),
  ];
  return parts.join('  ');
}

/** Returns the message for programs. */
export function messageEvent({ at, id, again, refused, message, forwarded }: Received): object {
  return {
    ...{ type: 'message', at: new Date(at).toISOString(), id, verified: refused === undefined, again },
    ...(refused !== undefined && { refused }),
    message,
    ...(forwarded && {
      forwarded: {
        ...(forwarded.status !== undefined && { status: forwarded.status }),
        ...(forwarded.error !== undefined && { error: forwarded.error }),
        duration_ms: forwarded.durationMs,
      },
    }),
  };
}

function forwardedPart({ forwarded }: Received, screen: Screen): string[] {
  if (!forwarded) return [];
  const { status, error, durationMs } = forwarded;
  if (status === undefined) return [screen.style('red', `→ ${error}`)];
  const ok = status >= 200 && status < 300;
  return [screen.style(ok ? 'green' : 'red', `→ ${status} in ${formatDuration(durationMs)}`)];
}

/** Returns the subject. Messages of other senders may arrive as well, and are shown by their type. */
function subject(message: unknown): string[] {
  const of = (...path: string[]) => text(message, 'data', ...path);
  const job = of('job', 'id');
  if (job !== undefined) {
    const digest = of('digest');
    const image = `${of('job', 'image') ?? ''}${digest === undefined ? '' : `@${shortDigest(digest)}`}`;
    const code = of('code');
    const why =
      code === undefined || code === 'canceled'
        ? undefined
        : clip([code, of('detail')].filter(Boolean).join(': '), whyWidth);
    return [job, of('job', 'function'), image, why].filter(
      (part) => part !== undefined && part !== '',
    ) as string[];
  }
  const batch = of('batch', 'id');
  if (batch !== undefined) return [batch, batchCounts(message)];
  const builder = of('builder', 'url');
  if (builder !== undefined) return [builder];
  const base = of('base_image', 'reference');
  if (base !== undefined) return [base, shortDigest(of('base_image', 'digest') ?? '')];
  const webhook = of('webhook', 'id');
  return webhook === undefined ? [] : [webhook, of('webhook', 'reason') ?? ''].filter((part) => part !== '');
}

function batchCounts(message: unknown): string {
  const of = (name: string) => Number(value(message, ['data', 'batch', 'counts', name]) ?? 0);
  const parts = ['succeeded', 'failed', 'canceled'].flatMap((name) =>
    of(name) > 0 ? [`${of(name)} ${name}`] : [],
  );
  return `${parts.join(', ') || 'nothing built'} of ${Number(value(message, ['data', 'batch', 'total']) ?? 0)}`;
}

/** Returns the text at a path, without line breaks. */
function text(message: unknown, ...path: string[]): string | undefined {
  const found = value(message, path);
  return typeof found === 'string' ? found.replace(/\s+/g, ' ') : undefined;
}

function value(message: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, name)
        ? (at as Record<string, unknown>)[name]
        : undefined,
    message,
  );
}

/** Formats local time: `14:03:59`. */
function clockTime(ms: number): string {
  const time = new Date(ms);
  return [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((number) => String(number).padStart(2, '0'))
    .join(':');
}
