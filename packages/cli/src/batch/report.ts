import type { Batch, Client, Job, JobState } from '@slipway/client';
import { count } from '@slipway/shared/formatting';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { logText } from '../jobs/log-text.js';
import { builtImage } from '../jobs/outcome.js';
import type { Terminal } from '../terminal/terminal.js';
import { shown } from '../terminal/text.js';
import { batchLine } from './text.js';

const page = 200;
/** Limits of failures whose log is shown, and of lines of each. */
const loggedFailures = 20;
const logLines = 12;

interface Report {
  readonly batch: Batch;
  readonly client: Pick<Client, 'listBatchJobs'>;
  readonly terminal: Terminal;
  readonly json: boolean;
}

/** Reports how a batch ended, with the failures last. If standard output is not a terminal, it gets the built images. */
export async function reportBatch({ batch, client, terminal, json }: Report): Promise<ExitCode> {
  const { out, err } = terminal;
  const ok = batch.counts.succeeded === batch.total;
  const failed = batch.counts.failed > 0 ? await jobsOf({ client, id: batch.id, state: 'failed' }) : [];
  if (json) {
    out.line(JSON.stringify({ type: 'batch', batch, failed }));
    return ok ? exitCodes.ok : exitCodes.failed;
  }
  if (!out.isTty) {
    const built = await jobsOf({ client, id: batch.id, state: 'succeeded' });
    for (const job of built.reverse()) out.line(builtImage(job));
  }
  for (const [index, job] of failed.reverse().entries()) {
    const { code, detail, log_tail: tail } = job.error ?? { code: 'internal', detail: '', log_tail: [] };
    err.line();
    err.line(`${err.style('red', `✗ ${shown(job.function ?? job.image)}`)}  ${code}: ${shown(detail)}`);
    if (index < loggedFailures) for (const line of failingStep(tail)) err.line(`    ${logText(err, line)}`);
    err.line(`    ${err.style('dim', `slipway logs ${job.id}`)}`);
  }
  if (failed.length > 0) err.line();
  err.line(err.style(ok ? 'green' : 'red', batchLine(batch)));
  if (failed.length > 1) err.line(`The failures by cause: slipway batch failures ${batch.id}`);
  if (failed.length > 0) {
    err.line(
      `Build ${failed.length === 1 ? 'it' : `the ${count(failed.length, 'failure')}`} again: slipway batch retry ${batch.id}`,
    );
  }
  return ok ? exitCodes.ok : exitCodes.failed;
}

/** Returns the end of the log from the beginning of the failed step, if the builder names that step. */
export function failingStep(lines: readonly string[]): readonly string[] {
  const step = lines.findLast((line) => failed.test(line))?.match(failed)?.[1];
  const begin = step === undefined ? 0 : lines.findIndex((line) => line.includes(step));
  return lines.slice(begin).slice(-logLines);
}

/** Matches `v: 2022-06-23T09:10:12Z ERROR [ship 15/16] RUN npm test`. */
const failed = /^(?:v: \S+ )?ERROR (\[[^\]]+\])/;

interface JobsOf {
  readonly client: Pick<Client, 'listBatchJobs'>;
  readonly id: string;
  readonly state?: JobState;
}

/** Returns all jobs of a batch in a state, newest first. */
export async function jobsOf({ client, id, state }: JobsOf): Promise<Job[]> {
  const jobs: Job[] = [];
  let cursor: string | undefined;
  do {
    const answer = await client.listBatchJobs({
      id,
      query: { limit: page, ...(state && { state }), ...(cursor !== undefined && { cursor }) },
    });
    jobs.push(...answer.jobs);
    cursor = answer.next_cursor;
  } while (cursor !== undefined);
  return jobs;
}
