import type { BatchFailures } from '@slipway/client';
import { count } from '@slipway/shared/formatting';
import type { CommandContext, CommonOptions } from '../command-context.js';
import { connect } from '../connection/connection.js';
import { type ExitCode, exitCodes } from '../exit-codes.js';
import { shown } from '../terminal/text.js';

/** Limit of the names that are shown for a cause. */
const maxNames = 8;

/** Shows the failures of a batch by cause, the most frequent first. */
export async function batchFailures(
  id: string,
  options: CommonOptions,
  { terminal: { out, err }, env }: CommandContext,
): Promise<ExitCode> {
  const client = await connect({ options, env });
  const failures = await client.listBatchFailures({ id });
  if (options.json) {
    out.line(JSON.stringify(failures));
    return exitCodes.ok;
  }
  if (failures.failed === 0) err.line('No job of the batch has failed.');
  for (const group of failures.groups) {
    const { cause, code, detail, last_line: lastLine, jobs } = group;
    out.line(`${out.style('red', `✗ ${count(group.count, 'job')}`)}  ${code}: ${shown(lastLine ?? detail)}`);
    out.line(`    ${namesOf(group)}`);
    out.line(`    ${out.style('dim', `slipway logs ${jobs[0]?.id}`)}`);
    out.line(`    ${out.style('dim', `slipway batch retry ${id} --cause ${cause}`)}`);
  }
  return exitCodes.ok;
}

function namesOf({ count: total, jobs }: BatchFailures['groups'][number]): string {
  const names = jobs.slice(0, maxNames).map((job) => shown(job.function ?? job.image));
  const more = total - names.length;
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
