import { setTimeout as sleep } from 'node:timers/promises';
import { type Arena, inArena } from '../arena.js';
import { submitLoad, wishes } from '../load.js';
import type { Scenario } from '../scenario.js';
import { type StorageFault, storageFaults } from '../storage/faults.js';
import { type S3Lab, startS3Lab } from '../storage/s3-lab.js';
import { inspectStore } from '../storage/stored.js';
import { isShown, StorageLoad } from '../storage/uploads.js';
import { waitFor } from '../waiting.js';

const clients = 6;
const perSecond = 6;

const plainWishes = (count: number) =>
  wishes(count, 'plain').map((wish) => ({ ...wish, expected: 'succeeded' as const }));

export const r18: Scenario = {
  name: 'R18',
  about:
    'S3 is killed, slow, silent, cut, refusing, without the bucket or the credentials: no job is lost or built twice, nothing is half-written',
  defaults: { jobs: 600, runs: 3 },

  async run(chaos) {
    const lab = await startS3Lab();
    try {
      return await inArena(
        chaos,
        {
          replicas: [{ slots: 4 }, { slots: 4 }],
          durations: { meanMs: 300, sigma: 0.5 },
          env: { api: lab.env, worker: lab.env },
        },
        async (arena) => {
          const load = new StorageLoad(arena);
          load.start(clients);
          // The workers keep their source, so they build while S3 is away, and cannot store their logs.
          const plain = submitLoad({ arena, wishes: plainWishes(chaos.jobs), perSecond });
          let unproved = 0;
          try {
            for (let run = 1; run <= Math.max(1, chaos.runs); run++)
              for (const fault of storageFaults) unproved += await outage({ arena, lab, load, fault });
          } finally {
            await load.stop();
            await plain;
          }
          await arena.ledger.settle(60_000);
          const { stored, without_manifest, ...wrong } = await inspectStore({
            ...{ arena, blobStore: lab.blobStore, digests: load.digests },
          });
          return {
            faults: {
              ...wrong,
              uncoded: load.uncoded,
              unproved,
              ended: [...arena.fleet.apis, ...arena.fleet.workers].filter(({ running }) => !running).length,
            },
            facts: { stored, without_manifest, ...load.counts() },
          };
        },
      );
    } finally {
      await lab.stop();
    }
  },
};

interface OutageOptions {
  readonly arena: Arena;
  readonly lab: S3Lab;
  readonly load: StorageLoad;
  readonly fault: StorageFault;
}

/** Breaks S3 for a time, until the fault showed, and waits for the next upload. Returns 1 if the fault never showed. */
async function outage({ arena, lab, load, fault }: OutageOptions): Promise<number> {
  const { chaos, note, ledger, random } = arena;
  load.phase();
  note(`${fault.name}; ${ledger.accepted.size} jobs are accepted, ${ledger.open().length} are open`);
  await fault.break(lab);
  await sleep(chaos.quick ? 2_500 : 5_000 + random() * 15_000);
  const codes = new Set(load.phase());
  const isProved = await waitFor(`uploads are refused with ${fault.code}`, 60_000, async () => {
    for (const code of load.phase()) codes.add(code);
    return isShown(fault.code, codes) ? true : undefined;
  }).catch(() => false);
  await fault.heal(lab);
  const before = load.digests.size;
  await waitFor('an upload is stored again', 60_000, async () =>
    load.digests.size > before ? true : undefined,
  );
  note(`${fault.name} is over; refused with ${[...codes].join(', ') || 'nothing'}`);
  return isProved ? 0 : 1;
}
