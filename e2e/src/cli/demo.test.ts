import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterEach, expect, test } from 'vitest';
import { processesWith, startCommand } from './command.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0)) await step();
});

/** Starts the demo with its own temporary folder, so that the test sees leftover files. */
async function startDemo() {
  const folder = await temporaryFolder();
  cleanUp.push(() => folder.remove());
  const mark = randomUUID();
  const tmp = join(folder.path, 't');
  mkdirSync(tmp);
  const command = startCommand(['demo'], { TMPDIR: tmp, SLIPWAY_E2E_DEMO: mark });
  return { ...command, left: () => [...processesWith(`SLIPWAY_E2E_DEMO=${mark}`), ...readdirSync(tmp)] };
}

test('the demo succeeds, and leaves nothing behind', async () => {
  const demo = await startDemo();
  const { exit, out, err } = await demo.ended;
  expect({ exit, err }, out).toEqual({ exit: 0, err: '' });
  expect(out).toContain('"greeting":"Hello, Slipway!"');
  expect(out).toContain('200, already stored');
  expect(out).toContain('test failed on purpose: 3 pieces should cost 750 cents');
  expect(
    out.match(/^\S+ +succeeded +[\d.]+ +sha256:[0-9a-f]{12} +\d+ +job\.succeeded, signature valid$/gm),
  ).toHaveLength(5);
  expect(out).toMatch(
    /^fails-on-purpose +failed \(on purpose\) +[\d.]+ +build_failed +1 +job\.failed, signature valid$/m,
  );
  expect(out).toMatch(/The demo succeeded in .*\n$/);
  expect(demo.left()).toEqual([]);
});

test('the demo stops everything at Ctrl-C', async () => {
  const demo = await startDemo();
  await demo.said('2. Build a base image');
  demo.kill('SIGINT');
  const { exit, out } = await demo.ended;
  expect(exit).toBe(1);
  expect(out).toContain('Stopping.');
  expect(demo.left()).toEqual([]);
});
