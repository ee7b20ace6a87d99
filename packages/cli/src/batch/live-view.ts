import type { Client } from '@slipway/client';
import { formatDuration } from '@slipway/shared/formatting';
import { logText } from '../jobs/log-text.js';
import type { Screen } from '../terminal/terminal.js';
import { clip } from '../terminal/text.js';
import type { BatchView } from './batch-view.js';
import { LogTails } from './log-tails.js';
import type { BatchProgress, JobProgress } from './progress.js';
import { countsText, endText, leftText } from './text.js';

const frameMs = 100;
const tickMs = 1_000;
/** Terminal rows that keep earlier output visible. */
const spareRows = 4;
/** Limit of shown jobs: each needs a connection for its log. */
const mostJobs = 12;
const barColumns = 24;
const longestName = 32;

interface LiveViewOptions {
  readonly screen: Screen;
  readonly client: Pick<Client, 'followLog'>;
}

/**
 * The view for a terminal: the bar of the batch, and below it the running jobs with their last log lines, redrawn
 * in place. Failures stay above. The view changes no state of the terminal that needs restoring.
 */
export function createLiveView({ screen, client }: LiveViewOptions): BatchView {
  let latest: BatchProgress | undefined;
  let drawnRows = 0;
  let frame: NodeJS.Timeout | undefined;
  const tails = new LogTails({ client, onLine: () => schedule() });
  const erase = () => {
    const text = drawnRows === 0 ? '' : `\u001b[${drawnRows}A\r\u001b[J`;
    drawnRows = 0;
    return text;
  };
  const draw = (above = '') => {
    clearTimeout(frame);
    frame = undefined;
    const lines = latest ? linesOf(latest, { screen, tails }) : [];
    const text = lines.map((line) => `${clip(line, screen.columns - 1)}\n`).join('');
    screen.write(`${erase()}${above}${text}`);
    drawnRows = lines.length;
  };
  const schedule = () => {
    frame ??= setTimeout(draw, frameMs);
  };
  const ticking = setInterval(schedule, tickMs);
  return {
    update(progress) {
      latest = progress;
      tails.follow(shownJobs(progress, screen).map(({ id }) => id));
      schedule();
    },
    ended(job, progress) {
      latest = progress;
      if (job.state !== 'failed') schedule();
      // The final report shows the whole text; one line here keeps the rest visible.
      else draw(`${screen.style('red', clip(`✗ ${job.name} ${endText(job)}`, screen.columns - 1))}\n`);
    },
    note: (text) => draw(`${text}\n`),
    close() {
      clearInterval(ticking);
      clearTimeout(frame);
      tails.close();
      screen.write(erase());
    },
  };
}

const shownJobs = (progress: BatchProgress, screen: Screen): JobProgress[] =>
  progress.running.slice(0, Math.max(0, Math.min(mostJobs, screen.rows - spareRows)));

function linesOf(
  progress: BatchProgress,
  { screen, tails }: { screen: Screen; tails: LogTails },
): readonly string[] {
  const now = Date.now();
  const { counts, batch, running } = progress;
  const jobs = shownJobs(progress, screen);
  const nameColumns = Math.min(longestName, Math.max(0, ...jobs.map(({ name }) => name.length)));
  const lines = jobs.map(({ id, name, startedAt = now }) => {
    const time = formatDuration(Math.floor(Math.max(0, now - startedAt) / 1_000) * 1_000).replace('.0', '');
    const log = logText(screen, tails.lineOf(id)).trim();
    const shownTime = screen.style('dim', (time === '0 ms' ? '0 s' : time).padStart(9));
    return `  ${clip(name, nameColumns).padEnd(nameColumns)} ${shownTime}  ${log}`;
  });
  if (running.length > jobs.length) lines.push(`  … and ${running.length - jobs.length} more`);
  return [
    `${bar(counts, screen)} ${countsText(screen, counts)}${leftText(batch, now)}`,
    ...lines.slice(0, Math.max(0, screen.rows - spareRows)),
  ];
}

function bar({ total, succeeded, failed, canceled }: BatchProgress['counts'], screen: Screen): string {
  const columns = (count: number) => (total === 0 ? 0 : Math.floor((count / total) * barColumns));
  const good = columns(succeeded);
  const bad = columns(succeeded + failed) - good;
  const gone = columns(succeeded + failed + canceled) - good - bad;
  const rest = barColumns - good - bad - gone;
  return [
    screen.style('green', '█'.repeat(good)),
    screen.style('red', '█'.repeat(bad)),
    screen.style('yellow', '▒'.repeat(gone)),
    screen.style('dim', '░'.repeat(rest)),
  ].join('');
}
