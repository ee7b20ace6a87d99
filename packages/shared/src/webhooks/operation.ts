import { defineScript, type Keys, type Redis } from '../redis/index.js';
import { begin } from './lua/begin.js';
import { create } from './lua/create.js';
import { end } from './lua/end.js';
import { prelude } from './lua/prelude.js';
import { prune } from './lua/prune.js';
import { sweep } from './lua/sweep.js';

/**
 * The one way a delivery changes.
 *
 *   (none) ──create──▶ due ──begin──▶ leased ──end──▶ delivered | failed | canceled
 *                       ▲ ▲  │           │ │
 *                       │ │  └─begin──┐  │ └─────end: it is tried again later, so it is due then
 *                       │ └─release── parked
 *                       └────────────────┘ the lease has run out
 *
 * A pending delivery is in exactly one of three places: *due* (`deliveries:due`, score = when to look at it), *leased* (in flight in
 * its lane, score = when the lease runs out) or *parked* in its lane, because the lane has no room or its circuit is open. Being in BullMQ is
 * no place: what was put there stays due, to be looked at later, until it is begun. So whatever BullMQ or a worker loses comes back.
 * Ended states never change, and only the holder of the current token may end.
 *
 * KEYS: 1 the delivery, or the due ones for what is about many. The other keys are made from ARGV[1]; they share the hash tag of the declared one.
 * ARGV: 1 base of all keys, 2 operation, 3 delivery id or '', then what the operation takes.
 * Returns {{outcome, …}, {delivery that may go to the queue because of it, how often it was parked, …}}.
 */
const deliveryScript = defineScript(
  `${prelude}
local function run()
${[create, sweep, prune, begin, end].join('\n')}
end
return { run(), released }`,
);

/** A delivery that may go to the queue. */
export interface ReadyDelivery {
  readonly id: string;
  /**
   * What it is called there: another name after each parking, since the queue may hold the entry that was parked still, and would not take the name twice.
   * Under one name it goes in once, whoever adds it.
   */
  readonly queueId: string;
}

interface OperationReply {
  readonly outcome: readonly [string, ...unknown[]];
  readonly released: ReadyDelivery[];
}

export type Operation = (
  operation: string,
  id: string,
  ...args: (string | number)[]
) => Promise<OperationReply>;

export function createOperation({ redis, keys }: { redis: Redis; keys: Keys }): Operation {
  return async (operation, id, ...args) => {
    const key = id === '' ? keys.dueDeliveries : keys.delivery(id);
    const reply = await deliveryScript.run(redis, [key], [keys.base, operation, id, ...args]);
    const [outcome, released] = reply as [OperationReply['outcome'], string[]];
    return { outcome, released: readyFrom(released) };
  };
}

function readyFrom(flat: readonly string[]): ReadyDelivery[] {
  const ready: ReadyDelivery[] = [];
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [id, parkings] = [flat[at] as string, flat[at + 1] as string];
    ready.push({ id, queueId: parkings === '0' ? id : `${id}.${parkings}` });
  }
  return ready;
}
