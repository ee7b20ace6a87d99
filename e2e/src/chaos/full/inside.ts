import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inArena } from '../arena.js';
import type { Chaos } from '../scenario.js';
import { fillDisk } from './disk.js';
import { fillRedis } from './memory.js';
import { Refusals } from './refusals.js';

/** R9 runs this script with its own small disk. The script repeatedly fills the disk, then Redis. */

const [, , disk = '', given = '{}'] = process.argv;
const note = (text: string) => process.stderr.write(`${text}\n`);
const chaos: Chaos = { ...(JSON.parse(given) as Omit<Chaos, 'note'>), note };
const blobs = { BLOB_STORE: pathToFileURL(join(disk, 'blobs')).href };

const outcome = await inArena(
  chaos,
  {
    replicas: [{ slots: 4 }, { slots: 4 }],
    durations: { meanMs: 300, sigma: 0.5 },
    env: {
      api: { ...blobs, GIT_WORK_DIR: join(disk, 'git'), GIT_ALLOWED_SCHEMES: 'file' },
      worker: blobs,
    },
  },
  async (arena) => {
    const refusals = new Refusals(arena);
    const halves = { disk: 0, redis: 0 };
    for (let run = 1; run <= chaos.runs; run++) {
      halves.disk += await fillDisk({ arena, refusals, disk, run });
      halves.redis += await fillRedis({ arena, refusals, run });
    }
    return {
      faults: {
        uncoded: refusals.uncoded,
        disk_halves: halves.disk,
        redis_halves: halves.redis,
        restarted: [...arena.fleet.apis, ...arena.fleet.workers].filter(({ running }) => !running).length,
      },
      facts: refusals.counts(),
    };
  },
);
process.stdout.write(JSON.stringify(outcome));
