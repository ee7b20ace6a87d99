import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runScript } from '../network/run-script.js';
import type { Outcome, Scenario } from '../scenario.js';

/** As it is compiled, wherever this module is run from. */
const inside = fileURLToPath(new URL('../../../dist/chaos/full/inside.js', import.meta.url));
const setUp = 'mount -t tmpfs -o size=24m,mode=700 slipway "$1" && exec "$2" "$3" "$1" "$4"';

export const r9: Scenario = {
  name: 'R9',
  about:
    'the disk of the blobs is full, then Redis is at maxmemory: requests are refused with a code, nothing is stored in part, no restart',
  defaults: { jobs: 60, runs: 3 },

  /** The scenario's own small disk needs root. */
  run: async ({ note, logsTo: _logsTo, ...chaos }) => {
    const disk = await mkdtemp(join(tmpdir(), 'slipway-disk-'));
    try {
      return (await runScript({
        command: 'unshare',
        args: ['--mount', 'sh', '-c', setUp, 'sh', disk, process.execPath, inside, JSON.stringify(chaos)],
        note,
        timeoutMs: 110_000 * Math.max(1, chaos.runs),
      })) as Outcome;
    } finally {
      await rm(disk, { recursive: true });
    }
  },
};
