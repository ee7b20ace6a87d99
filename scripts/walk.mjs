// Prints the files of API and worker that run for one job: those with a function that runs when a job is submitted and
// built, and that does not run in the same processes without a job. V8 counts the functions. Needs `tsc -b` and a redis-server.
// Usage: node scripts/walk.mjs
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startFleet } from '../packages/simulator/dist/index.js';

const root = new URL('..', import.meta.url).href;
const folder = mkdtempSync(join(tmpdir(), 'slipway-walk-'));
try {
  // The leader's tasks run in this time.
  const without = await functionsOf('without', () => sleep(20_000));
  const withJob = await functionsOf('with', async (fleet) => {
    const { status, body } = await fleet.calls.call('/v1/jobs', {
      method: 'POST',
      json: { image: 'registry.test/walk/function:1', source: { digest: fleet.source } },
    });
    if (status !== 202) throw new Error(`the job was answered with ${status}`);
    const ended = await fleet.calls.call(`/v1/jobs/${body.id}?wait=30`);
    if (ended.body.state !== 'succeeded') throw new Error(`the job ended ${ended.body.state}`);
  });
  const only = [...withJob].filter((name) => !without.has(name));
  const files = [...new Set(only.map((name) => name.slice(0, name.indexOf('#'))))].sort();
  process.stdout.write(`${files.join('\n')}\n${files.length} files, ${only.length} functions\n`);
} finally {
  rmSync(folder, { recursive: true });
}

/** Returns the functions of Slipway, each as `file#name@offset`, that run in API and worker while a fleet starts, acts and stops. */
async function functionsOf(name, act) {
  const coverage = join(folder, name);
  const fleet = await startFleet({
    replicas: [{ slots: 1 }],
    workers: 1,
    envOf: () => ({ NODE_V8_COVERAGE: coverage }),
  });
  try {
    await act(fleet);
  } finally {
    await fleet.stop();
  }
  return new Set(
    readdirSync(coverage)
      .flatMap((file) => JSON.parse(readFileSync(join(coverage, file), 'utf8')).result)
      .filter(({ url }) => url.startsWith(root) && !url.includes('/node_modules/'))
      .flatMap(({ url, functions }) =>
        functions
          .filter(({ ranges, functionName }) => ranges[0].count > 0 && functionName !== '')
          .map(
            ({ functionName, ranges }) =>
              `${fileURLToPath(url).slice(fileURLToPath(root).length)}#${functionName}@${ranges[0].startOffset}`,
          ),
      ),
  );
}
