import type { Job } from '@slipway/client';
import { shortDigest } from '@slipway/shared/formatting';
import { styledState, workMs } from '../jobs/outcome.js';
import type { Screen } from '../terminal/terminal.js';
import { table } from '../terminal/text.js';
import type { Received } from './receiver.js';

/** The actual and the expected result of a function of the demo. */
export interface Ending {
  readonly name: string;
  readonly ends: 'succeeded' | 'failed';
  readonly job: Job | undefined;
  readonly webhook: Received | undefined;
}

export function summaryTable(endings: readonly Ending[], screen: Screen): string[] {
  const rows = endings.map(({ name, ends, job, webhook }) => {
    const took = job && workMs(job, Date.now());
    return [
      name,
      job ? `${styledState(screen, job.state)}${ends === 'failed' ? ' (on purpose)' : ''}` : '-',
      took === undefined ? '-' : (took / 1_000).toFixed(1),
      job?.result?.digest ? shortDigest(job.result.digest) : (job?.error?.code ?? '-'),
      String(job?.attempts.length ?? 0),
      webhook ? `${webhook.type}, ${webhook.valid ? 'signature valid' : 'SIGNATURE NOT VALID'}` : 'none',
    ];
  });
  return table([['FUNCTION', 'STATE', 'SECONDS', 'DIGEST', 'ATTEMPTS', 'WEBHOOK'], ...rows]);
}

interface Findings {
  readonly endings: readonly Ending[];
  readonly sources: ReadonlyMap<string, { readonly digest: string; readonly created: boolean }>;
  /** The answer of the handler. */
  readonly answer: string | undefined;
}

const purpose = /test failed on purpose/;

/** Returns the problems, a line each. */
export function findProblems({ endings, sources, answer }: Findings): string[] {
  const problems = endings.flatMap(problemsOf);
  if (!answer?.includes('Hello, Slipway!')) problems.push(`the handler answered ${answer ?? 'nothing'}`);
  const [original, twin] = [sources.get('http-handler'), sources.get('http-handler-twin')];
  if (!original?.created || twin?.created || original.digest !== twin?.digest) {
    problems.push('the twin of the first source was stored again');
  }
  return problems;
}

function problemsOf({ name, ends, job, webhook }: Ending): string[] {
  const problems: string[] = [];
  if (job?.state !== ends)
    problems.push(`${name} ${job?.state ?? 'was not found'}: ${job?.error?.detail ?? ''}`);
  if (ends === 'succeeded' && job?.result?.digest === undefined) problems.push(`${name} has no digest`);
  if (ends === 'failed') {
    if (job?.error?.code !== 'build_failed')
      problems.push(`${name} ended with ${job?.error?.code}, not build_failed`);
    if (!job?.error?.log_tail.some((line) => purpose.test(line)))
      problems.push(`${name} does not show its failing line`);
  }
  if (!webhook) problems.push(`no webhook came for ${name}`);
  else if (!webhook.valid) problems.push(`the webhook for ${name} has a wrong signature`);
  else if (webhook.type !== `job.${job?.state}`)
    problems.push(`the webhook for ${name} says ${webhook.type}`);
  return problems;
}
