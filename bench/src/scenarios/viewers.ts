import { setTimeout as sleep } from 'node:timers/promises';
import { type Fleet, startFleet } from '@slipway/simulator';
import { cpuMs } from '../fleets/cpu.js';
import { fill, finishAll } from '../fleets/fill.js';
import { openRecords, type Records } from '../fleets/records.js';
import { commandCalls, redisMs } from '../fleets/redis-load.js';
import type { Scenario } from '../scenario.js';

const jobs = 500;
/** A job is queued, started and ended. */
const eventsPerJob = 3;
const viewers = 50;
const settleMs = 2_000;

export const viewing: Scenario = {
  name: 'viewers',
  about: `the cost of the events of one tenant for an API with ${viewers} live viewers of another tenant, against none`,

  async run({ note }) {
    const fleet = await startFleet({ replicas: [], workers: 0 });
    const records = openRecords(fleet);
    try {
      const token = await addTenant('watching', fleet);
      note(`${jobs} jobs without viewers`);
      await measure({ fleet, records });
      const alone = await measure({ fleet, records });
      note(`the same with ${viewers} viewers of another tenant`);
      const leaving = new AbortController();
      await Promise.all(Array.from({ length: viewers }, () => view(fleet, token, leaving.signal)));
      const watched = await measure({ fleet, records });
      leaving.abort();
      const events = jobs * eventsPerJob;
      return {
        api_us_per_event: ((watched.api - alone.api) * 1_000) / events,
        commands_per_event: (watched.commands - alone.commands) / events,
        redis_us_per_event: ((watched.redis - alone.redis) * 1_000) / events,
        viewers,
        events,
        alone_api_us_per_event: (alone.api * 1_000) / events,
        alone_commands_per_event: alone.commands / events,
      };
    } finally {
      await records.close();
      await fleet.stop();
    }
  },
};

interface Measured {
  readonly fleet: Fleet;
  readonly records: Records;
}

/** Writes the events of jobs of the tenant `default` to Redis. Returns what that cost the API and Redis, in ms of processor time and in commands. */
async function measure({ fleet, records }: Measured) {
  const pids = fleet.apis.map(({ pid }) => pid);
  const before = { api: cpuMs(pids), redis: await redisMs(records), commands: await commands(records) };
  const ids = await fill({ records, count: jobs, source: fleet.source, queued: false });
  await finishAll(records, ids);
  await sleep(settleMs);
  return {
    api: cpuMs(pids) - before.api,
    redis: (await redisMs(records)) - before.redis,
    commands: (await commands(records)) - before.commands,
  };
}

/** Opens a live view. It is read in the background until the signal aborts. */
async function view({ apis }: Fleet, token: string, signal: AbortSignal): Promise<void> {
  const answer = await fetch(`${apis[0]?.url}/v1/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal,
  });
  if (!answer.ok || !answer.body) throw new Error(`the view was answered with ${answer.status}`);
  const reader = answer.body.getReader();
  await reader.read();
  const drain = async () => {
    while (!(await reader.read()).done);
  };
  // The abort ends it.
  drain().catch(() => undefined);
}

/** Creates a tenant, and returns a token of the tenant. */
async function addTenant(name: string, { calls }: Fleet): Promise<string> {
  const tenant = await calls.call(`/v1/tenants/${name}`, { method: 'PUT', json: { images: ['*'] } });
  const token = await calls.call('/v1/tokens', {
    method: 'POST',
    json: { tenant: name, description: 'the bench', scopes: ['jobs:write', 'jobs:read'] },
  });
  if (tenant.status !== 201 || token.status !== 201) {
    throw new Error(`the tenant was answered with ${tenant.status}, its token with ${token.status}`);
  }
  return (token.body as { token: string }).token;
}

/** Returns the number of commands that Redis has run. */
async function commands(records: Records): Promise<number> {
  return (await commandCalls(records)).reduce((sum, { calls }) => sum + calls, 0);
}
