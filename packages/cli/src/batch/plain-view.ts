import type { Screen } from '../terminal/terminal.js';
import type { BatchView } from './batch-view.js';
import type { BatchProgress } from './progress.js';
import { countsText, endText, leftText } from './text.js';

const summaryMs = 30_000;

/** The view for a file or a CI log: a line when a job has ended, and the counts now and then. */
export function createPlainView({ screen }: { readonly screen: Screen }): BatchView {
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
