import type { Client } from '@slipway/client';
import type { Terminal } from '../terminal/terminal.js';
import type { BatchView } from './batch-view.js';
import { createLiveView } from './live-view.js';
import { createPlainView } from './plain-view.js';

interface ViewOptions {
  readonly terminal: Terminal;
  readonly client: Pick<Client, 'followLog'>;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Returns the view for the reader: a program, a terminal, or the log of CI. */
export function createView({ terminal, client, json, quiet }: ViewOptions): BatchView {
  const { out, err } = terminal;
  if (json) {
    return {
      update: () => undefined,
      ended: ({ event }) => out.line(JSON.stringify({ type: 'job', job: event })),
      note: () => undefined,
      close: () => undefined,
    };
  }
  if (quiet) {
    return {
      update: () => undefined,
      ended: () => undefined,
      note: (text) => err.line(text),
      close: () => undefined,
    };
  }
  return err.isTty ? createLiveView({ screen: err, client }) : createPlainView({ screen: err });
}
