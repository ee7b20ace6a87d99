import type { Job, JobState, ListJobsQuery } from '@slipway/client';
import { formatDuration } from '@slipway/shared/formatting';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import type { Screen } from '../terminal/terminal.js';
import { age, shown, table } from '../terminal/text.js';
import { logText } from './log-text.js';
import { optionFacts, pairs } from './option-facts.js';
import { builtImage, outcomeLine, styledState, workMs } from './outcome.js';

export interface StatusOptions extends CommonOptions {
  readonly state?: JobState;
  readonly function?: string;
  readonly image?: string;
  readonly batch?: string;
  readonly label?: Readonly<Record<string, string>>;
  readonly limit: number;
}

/** Shows one job, or the latest jobs. */
export async function status(
  id: string | undefined,
  options: StatusOptions,
  { terminal, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const { out, err } = terminal;
  if (id !== undefined) {
    const job = await client.getJob({ id });
    out.line(
      options.json
        ? JSON.stringify(job)
        : describe({ job, page: `${client.url}/jobs/${id}`, screen: out }).join('\n'),
    );
    return exitCodes.ok;
  }
  const { jobs, next_cursor } = await client.listJobs({ query: query(options) });
  if (options.json) out.line(JSON.stringify(jobs));
  else if (jobs.length === 0) err.line('No jobs.');
  else {
    for (const row of table([heading, ...jobs.map((job) => rowOf(job, out))])) out.line(row);
    if (next_cursor !== undefined)
      err.line(err.style('dim', `The latest ${jobs.length}; --limit shows more.`));
  }
  return exitCodes.ok;
}

function query({ state, function: name, image, batch, label = {}, limit }: StatusOptions): ListJobsQuery {
  const labels = Object.entries(label).map(([key, value]) => `${key}=${value}`);
  return {
    limit,
    ...(state !== undefined && { state }),
    ...(name !== undefined && { function: name }),
    ...(image !== undefined && { image }),
    ...(batch !== undefined && { batch }),
    ...(labels.length > 0 && { label: labels }),
  };
}

const heading = ['JOB', 'STATE', 'FUNCTION', 'IMAGE', 'AGE', 'TOOK', 'WHY'];

function rowOf(job: Job, screen: Screen): string[] {
  const took = workMs(job, Date.now());
  return [
    job.id,
    styledState(screen, job.state),
    job.function ?? '-',
    job.image,
    age(job.created_at),
    took === undefined ? '-' : formatDuration(took),
    job.error?.code ?? (job.cancel_requested && job.state !== 'canceled' ? 'being canceled' : ''),
  ];
}

interface Described {
  readonly job: Job;
  /** URL of its page. */
  readonly page: string;
  readonly screen: Screen;
}

function describe({ job, page, screen }: Described): string[] {
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['image', job.result ? builtImage(job) : job.image],
    ['function', job.function],
    ['source', job.source.digest],
    ['commit', job.vcs && `${job.vcs.sha} of ${job.vcs.repo}`],
    ['platforms', job.platforms?.join(', ') || undefined],
    ['build args', pairs(job.build_args)],
    ...optionFacts(job),
    ['labels', pairs(job.labels)],
    ['pushes', job.push === false ? 'no' : undefined],
    ['callback', job.callback?.url],
    ['created', job.created_at],
    ['started', job.started_at],
    ['cancel requested', job.cancel_requested_at],
    ['finished', job.finished_at],
    ['tries again', job.state === 'queued' ? job.retry_at : undefined],
    ['page', page],
  ];
  const lines = [`${job.id}  ${styledState(screen, job.state)}`];
  lines.push(
    ...table(facts.flatMap(([name, value]) => (value === undefined ? [] : [[`  ${name}`, shown(value)]]))),
  );
  for (const attempt of job.attempts) {
    const { number, outcome = 'running', replica = 'no replica yet', worker, detail } = attempt;
    // The error below repeats the detail of the last attempt.
    const why = detail === undefined || detail === job.error?.detail ? '' : `: ${shown(detail)}`;
    lines.push(`  attempt ${number}: ${outcome} on ${replica} (worker ${worker})${why}`);
    if (attempt.log_error) lines.push(`    the end of its log is not stored yet: ${attempt.log_error}`);
  }
  if (job.error) {
    lines.push('', `${screen.style('red', 'error:')} ${shown(outcomeLine(job))}`);
    lines.push(...job.error.log_tail.map((line) => `  ${logText(screen, line)}`));
  }
  return lines;
}
