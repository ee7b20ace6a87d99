import { execFile } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../compose/model.js';

// Chaos runs beside it, with times that matter.
setPriority(constants.priority.PRIORITY_LOW);

const program = join(root, 'bench/dist/simulation/main.js');

/** Runs a simulation and returns its line of figures. */
async function simulate(...options: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--max-semi-space-size=64',
    program,
    ...options,
  ]);
  return stdout.trim();
}

const figuresOf = (line: string) =>
  Object.fromEntries(Array.from(line.matchAll(/(\w+)=(\S+)/g), ([, name, value]) => [name, value]));

/** No job is lost or ends twice, none fails, and no replica has more builds than its limit. */
const sound = { lost: '0', ended_twice: '0', failed: '0', over_limit: '0' };

test('1,000 replicas build 100,000 jobs once each, and within their limits', {
  timeout: 1_800_000,
}, async () => {
  const line = await simulate('--replicas', '1000', '--jobs', '100000', '--seed', '1');
  // The line is a report: other figures may change.
  process.stdout.write(`${line}\n`);
  expect(figuresOf(line)).toMatchObject({ ...sound, replicas: '1000', jobs: '100000' });
});

test('a seed decides all figures', { timeout: 900_000 }, async () => {
  const options = ['--replicas', '10', '--jobs', '600', '--signal', 'queue'];
  const line = await simulate(...options, '--seed', '7');
  expect(figuresOf(line)).toMatchObject(sound);
  expect(await simulate(...options, '--seed', '7')).toBe(line);
  expect(await simulate(...options, '--seed', '8')).not.toBe(line);
});

test('an unknown signal is refused with the options that there are', async () => {
  await expect(simulate('--signal', 'moon')).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--signal queue|load|wanted'),
  });
});
