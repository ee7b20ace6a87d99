import { spawn } from 'node:child_process';
import { findTool } from '@slipway/local';
import { startTestFleet } from '../../fleet.js';

interface FuzzApiOptions {
  /** Random examples for each operation, besides the examples that cover its schemas one by one; 0 for none. */
  readonly examples: number;
  /** The most seconds that the run may take. When undefined, it sends all examples. */
  readonly seconds?: number;
  readonly seed: string;
  /** True to send sequences of requests too. */
  readonly stateful: boolean;
}

interface Report {
  readonly ok: boolean;
  /** The output of schemathesis. */
  readonly text: string;
  readonly cases: number;
}

/**
 * Starts a Slipway (Redis, an API, a worker, a simulated replica). Sends it valid and invalid requests of schemathesis by its OpenAPI document, with the
 * token of the installation and without one. An answer must have a status, media type and body of the document and never be a 5xx, and the API must
 * refuse invalid requests.
 */
export async function fuzzApi(options: FuzzApiOptions): Promise<Report> {
  const fleet = await startTestFleet({ replicas: [{ slots: 4 }], workers: 1 });
  try {
    const url = fleet.apis[0]?.url ?? '';
    const bare = await schemathesis(url, ['--phases', 'coverage', '--seed', options.seed]);
    if (!bare.ok) return bare;
    const phases = [
      'coverage',
      ...(options.examples > 0 ? ['fuzzing'] : []),
      ...(options.stateful ? ['stateful'] : []),
    ];
    const full = await schemathesis(url, [
      ...['--header', `Authorization: Bearer ${fleet.token}`, '--seed', options.seed],
      ...['--phases', phases.join(), '--max-examples', String(Math.max(1, options.examples))],
      ...(options.seconds === undefined ? [] : ['--max-time', String(options.seconds)]),
    ]);
    return { ...full, cases: bare.cases + full.cases };
  } finally {
    await fleet.stop();
  }
}

/**
 * `positive_data_acceptance`: an id of nothing and a digest that was not uploaded fit their schemas too, and are refused.
 * `ignored_auth`: it knows 401 and 403 alone, and wrong tokens beyond the limit of their address are 429. The authorisation matrix of the API covers it.
 */
const excluded = 'positive_data_acceptance,ignored_auth';

async function schemathesis(url: string, args: readonly string[]): Promise<Report> {
  const program = findTool('schemathesis');
  if (program === undefined) {
    throw new Error('schemathesis is missing: run `node scripts/setup.mjs --engines=all`');
  }
  const child = spawn(
    program,
    [
      ...['run', `${url}/openapi.json`, '--url', url, '--exclude-checks', excluded],
      // This stream stays open for ten minutes.
      ...['--exclude-operation-id', 'followEvents', '--request-timeout', '30'],
      ...['--continue-on-failure', '--no-color', '--warnings', 'off', ...args],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const parts: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => parts.push(part));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('close', resolve);
  });
  const text = Buffer.concat(parts).toString('utf8');
  return { ok: code === 0, text, cases: Number(/(\d+) generated/.exec(text)?.[1] ?? 0) };
}
