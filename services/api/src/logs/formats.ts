import { formatPosition } from '@slipway/control-plane/logs';
import type { LogPart } from './follow.js';

type Parts = AsyncIterable<LogPart>;

async function* text(parts: Parts): AsyncGenerator<string> {
  for await (const part of parts) {
    if (part.kind === 'lines') yield part.lines.map((line) => `${line.text}\n`).join('');
  }
}

async function* ndjson(parts: Parts): AsyncGenerator<string> {
  for await (const part of parts) {
    if (part.kind === 'lines') yield part.lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  }
}

/** Formats server-sent events (HTML Standard). Regular comments keep proxies from closing the stream. */
async function* events(parts: Parts): AsyncGenerator<string> {
  for await (const part of parts) {
    switch (part.kind) {
      case 'lines':
        yield part.lines
          .map((line) => `id: ${formatPosition(line)}\nevent: log\ndata: ${JSON.stringify(line)}\n\n`)
          .join('');
        break;
      case 'idle':
        yield ': idle\n\n';
        break;
      case 'end':
        yield `event: end\ndata: ${JSON.stringify({ state: part.state })}\n\n`;
        break;
      default:
        part satisfies never;
    }
  }
}

export const logFormats = {
  'text/plain': text,
  'application/x-ndjson': ndjson,
  'text/event-stream': events,
} as const;
export type LogFormat = keyof typeof logFormats;
