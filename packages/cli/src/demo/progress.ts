import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, hasEnded, type Job } from '@slipway/client';
import { formatDuration } from '@slipway/shared/formatting';
import { outcomeLine, styledState, workMs } from '../jobs/outcome.js';
import type { Screen } from '../terminal/terminal.js';
import { clip, shown } from '../terminal/text.js';

const pollMs = 200;
const up = (lines: number) => (lines === 0 ? '' : `\u001b[${lines}A`);
const clearLine = '\u001b[2K';

interface FollowJobs {
  readonly client: Client;
  /** Names to show, by job id. */
  readonly names: ReadonlyMap<string, string>;
  /** The label of the jobs. */
  readonly label: string;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

/**
 * Shows the jobs until all have ended, and returns them by name. A terminal gets a line per job, redrawn in place;
 * other output gets a line at the start and a line at the end of each job.
 */
export async function followJobs(options: FollowJobs): Promise<Map<string, Job>> {
  const { client, names, label, screen, signal } = options;
  const show = screen.isTty ? redrawn(screen) : appended(screen);
  while (true) {
    const { jobs } = await client.listJobs({ query: { label: [label], limit: 200 }, signal });
    const byId = new Map(jobs.map((job) => [job.id, job]));
    const known = [...names].flatMap(([id, name]) => {
      const job = byId.get(id);
      return job ? [{ name, job }] : [];
    });
    show(known);
    if (known.length === names.size && known.every(({ job }) => hasEnded(job.state))) {
      return new Map(known.map(({ name, job }) => [name, job]));
    }
    await sleep(pollMs, undefined, { signal });
  }
}

type Show = (jobs: readonly { readonly name: string; readonly job: Job }[]) => void;

function redrawn(screen: Screen): Show {
  let drawn = 0;
  return (jobs) => {
    const lines = jobs.map(({ name, job }) =>
      // A line wider than the terminal would wrap and break the drawing.
      clip(`   ${name.padEnd(20)} ${stateText(job, screen)}`, screen.columns - 1),
    );
    screen.write(`${up(drawn)}${lines.map((line) => `${clearLine}${line}\n`).join('')}`);
    drawn = lines.length;
  };
}

function appended(screen: Screen): Show {
  // A job may return to the queue when no replica has room, and start again; the line is printed once.
  const said = new Set<string>();
  return (jobs) => {
    for (const { name, job } of jobs) {
      const change = `${job.state} ${name}`;
      if (job.state === 'queued' || said.has(change)) continue;
      said.add(change);
      screen.line(`   ${name.padEnd(20)} ${stateText(job, screen)}`);
    }
  };
}

function stateText(job: Job, screen: Screen): string {
  if (!hasEnded(job.state)) {
    const since = workMs(job, Date.now());
    return `${styledState(screen, job.state)}${since === undefined ? '' : ` ${formatDuration(since)}`}`;
  }
  const [first = '', ...rest] = shown(outcomeLine(job)).split(' ');
  return [first === job.state ? styledState(screen, job.state) : first, ...rest].join(' ');
}
