import { setTimeout as sleep } from 'node:timers/promises';
import type { Member } from '@slipway/local';

interface StopOptions {
  readonly workers: readonly Pick<Member, 'name' | 'running' | 'kill' | 'ended' | 'start'>[];
  readonly random: () => number;
  readonly note: (text: string) => void;
  /** Returns how many jobs are open. */
  readonly open: () => number;
  /** Returns false when no more workers are to be stopped. */
  readonly goesOn: () => boolean;
}

/** Kills or stops a random worker every 2 to 5 s and starts it again. Returns how many of each kind, after all have started again. */
export async function stopWorkers({ workers, random, note, open, goesOn }: StopOptions) {
  const restarts: Promise<void>[] = [];
  const stops = { kills: 0, drains: 0 };
  while (goesOn()) {
    await sleep(2_000 + random() * 3_000);
    const victim = workers[Math.floor(random() * workers.length)];
    const isKill = random() < 0.5;
    const awayMs = 100 + random() * 900;
    if (!victim?.running) continue;
    note(`${isKill ? 'kill -9' : 'SIGTERM'} ${victim.name}; ${open()} jobs are open`);
    victim.kill(isKill ? 'SIGKILL' : 'SIGTERM');
    stops[isKill ? 'kills' : 'drains']++;
    restarts.push(
      victim.ended().then(async () => {
        await sleep(awayMs);
        await victim.start();
      }),
    );
  }
  await Promise.all(restarts);
  return stops;
}
