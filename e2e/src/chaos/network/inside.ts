import { createServer } from 'node:http';
import type { DeliveryView, Job } from '@slipway/shared/contracts';
import { type Fleet, startFleet } from '@slipway/simulator';
import type { Outcome } from '../scenario.js';
import { waitFor } from '../waiting.js';
import { mixedHosts, privateHosts, publicAddress, zone } from './addresses.js';
import { startNameServer } from './name-server.js';

/** R12 runs this script in its own network. The script tries every way to make Slipway connect to a forbidden address. */

const note = (text: string) => process.stderr.write(`${text}\n`);
const port = 8_099;
/** The number of jobs for each endpoint: too few failures to open its circuit. */
const jobs = 3;
const plain = { plain: 'yes' };
const publicHosts = ['public.test', 'redirect.test'];
const hosts = [...privateHosts, ...mixedHosts, ...publicHosts];

const names = await startNameServer(zone);
const trap = await startTrap(port);
const fleet = await startFleet({
  replicas: [{ slots: 8 }],
  env: { api: { EGRESS_ALLOW: '', GIT_ALLOWED_SCHEMES: 'http,https' }, worker: { EGRESS_ALLOW: '' } },
});
try {
  const outcome = await attack(fleet, trap);
  process.stdout.write(JSON.stringify(outcome));
} finally {
  await fleet.stop();
  trap.stop();
  names.stop();
}

async function attack({ calls, source }: Fleet, { caught, arrived }: Trap): Promise<Outcome> {
  const post = (path: string, json: object) => calls.call(path, { method: 'POST', json });
  const refusals: Record<string, number> = {};
  const refused = (what: string, body: unknown) => {
    const { code } = body as { code: string };
    refusals[`${what}_${code}`] = (refusals[`${what}_${code}`] ?? 0) + 1;
  };
  for (const host of hosts) {
    const { status, body } = await post('/v1/webhooks', {
      url: `http://${host}:${port}/endpoint/${host}`,
      description: host,
      labels: plain,
    });
    if (status !== 201) refused('endpoint', body);
  }
  const accepted: string[] = [];
  for (let at = 0; at < jobs; at++) {
    const { body } = await post('/v1/jobs', {
      image: `registry.test/plain-${at}:1`,
      source: { digest: source },
      labels: plain,
    });
    accepted.push((body as Job).id);
  }
  for (const [at, host] of hosts.entries()) {
    const { status, body } = await post('/v1/jobs', {
      image: `registry.test/called-${at}:1`,
      source: { digest: source },
      callback: { url: `http://${host}:${port}/callback/${host}` },
    });
    if (status === 202) accepted.push((body as Job).id);
    else refused('callback', body);
  }
  for (const [at, host] of privateHosts.entries()) {
    const git = { url: `http://${host}:${port}/repository.git` };
    const { status, body } = await post('/v1/jobs', { image: `registry.test/git-${at}:1`, source: { git } });
    if (status === 202) throw new Error(`a repository at ${host} was fetched`);
    refused('git', body);
  }
  note(`refused at once: ${JSON.stringify(refusals)}`);
  let lost = 0;
  for (const id of accepted) {
    const { body } = await calls.call(`/v1/jobs/${id}?wait=30`);
    if ((body as Job).state !== 'succeeded') lost++;
  }
  const settled = await waitFor('each delivery to be tried', 60_000, async () => {
    const list = await deliveries(calls);
    const tried = list.filter(({ state, attempts }) => state !== 'pending' || attempts.length > 0);
    return list.length > 0 && tried.length === list.length ? list : undefined;
  });
  const hostOf = ({ url }: DeliveryView) => decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');
  const wrong = settled.filter((delivery) => {
    if (!(privateHosts as readonly string[]).includes(hostOf(delivery))) return false;
    return delivery.state !== 'failed' || delivery.reason !== 'egress_denied';
  });
  for (const { url, state, reason, attempts } of wrong) {
    note(`${url} is ${state} (${reason}): ${JSON.stringify(attempts)}`);
  }
  for (const [address, times] of caught) note(`${times} connections to ${address}`);
  const reached = [...arrived].filter(([path]) => path.endsWith('/public.test'));
  const expected = jobs + 1;
  return {
    lost,
    duplicated: 0,
    conflicting: 0,
    undelivered: Math.max(0, expected - reached.reduce((sum, [, times]) => sum + times, 0)),
    faults: {
      connections: [...caught.values()].reduce((sum, times) => sum + times, 0),
      not_denied: wrong.length,
      redirects_followed: [...arrived].filter(([path]) => path.startsWith('/moved')).length,
    },
    facts: { hosts: hosts.length, deliveries: settled.length, accepted: accepted.length, ...refusals },
  };
}

async function deliveries(calls: Fleet['calls']): Promise<DeliveryView[]> {
  const all: DeliveryView[] = [];
  for (let cursor = ''; ; ) {
    const { body } = await calls.call(`/v1/deliveries?limit=200${cursor && `&cursor=${cursor}`}`);
    const page = body as { deliveries: DeliveryView[]; next_cursor?: string };
    all.push(...page.deliveries);
    if (page.next_cursor === undefined) return all;
    cursor = encodeURIComponent(page.next_cursor);
  }
}

/** A server on every address of its network that counts connections by address. */
interface Trap {
  readonly port: number;
  /** Connections to forbidden addresses, by address. */
  readonly caught: ReadonlyMap<string, number>;
  /** Messages that came to the public address, by path. */
  readonly arrived: ReadonlyMap<string, number>;
  stop(): void;
}

/** Starts the trap. It redirects requests for `redirect.test` to a private address. */
async function startTrap(port: number): Promise<Trap> {
  const caught = new Map<string, number>();
  const arrived = new Map<string, number>();
  const add = (counts: Map<string, number>, what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  const server = createServer((req, res) => {
    add(arrived, req.url ?? '');
    const moved = req.headers.host?.startsWith('redirect.test');
    if (moved) res.writeHead(307, { location: `http://10.0.0.7:${port}/moved` }).end();
    else res.writeHead(204).end();
    req.resume();
  });
  server.on('connection', ({ localAddress = '' }) => {
    const address = localAddress.replace(/^::ffff:/, '');
    if (address !== publicAddress) add(caught, address);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, '::', resolve);
  });
  return {
    port,
    caught,
    arrived,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
