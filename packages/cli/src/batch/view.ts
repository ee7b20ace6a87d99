import type { Client } from '@slipway/client';
import type { Screen, Terminal } from '../terminal/terminal.js';
import type { BatchView } from './batch-view.js';
import { createLiveView } from './live-view.js';
import type { BatchProgress } from './progress.js';
import { countsText, endText, leftText } from './text.js';

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

const summaryMs = 30_000;

/** The view for a file or a CI log: a line when a job has ended, and the counts now and then. */
function createPlainView({ screen }: { readonly screen: Screen }): BatchView {
  let latest: BatchProgress | undefined;
  const timer = setInterval(() => {
    if (latest) screen.line(`${countsText(screen, latest.counts)}${leftText(latest.batch, Date.now())}`);
  }, summaryMs);
  return {
    update(progress) {
      latest = progress;
    },
    ended(job, { counts }) {
      const done = counts.succeeded + counts.failed + counts.canceled;
      const place = `[${String(done).padStart(String(counts.total).length)}/${counts.total}]`;
      screen.line(`${place} ${job.name} ${endText(job)}`);
    },
    note: (text) => screen.line(text),
    close: () => clearInterval(timer),
  };
}
