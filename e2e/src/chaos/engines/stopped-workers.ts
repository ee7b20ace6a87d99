import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Member, startMember } from '@slipway/local';
import { isTerminal, type Job } from '@slipway/shared/contracts';
import { seededRandom } from '@slipway/simulator';
import { type Stack, startStack } from '../../stack.js';
import { openArena } from '../isolation/arena.js';
import { type Receiver, startReceiver } from '../ledger/receiver.js';
import type { Chaos, Outcome } from '../scenario.js';
import { stopWorkers } from '../stops.js';
import { begunBuilds } from './begun-builds.js';

const workers = 3;
const builders = 2;
const slots = 3;
/** Milliseconds without any progress after which the jobs that are left count as lost. */
const patienceMs = 90_000;
/** Seconds between two lines of a build. */
const lineSeconds = 0.2;

interface Build {
  readonly name: string;
  readonly id: string;
  readonly image: string;
  /** The lines that its step writes. */
  readonly lines: number;
}

/**
 * Runs builds of some seconds on two real BuildKit daemons, with default settings, while workers are killed and stopped. The step of each build tells a counter that
 * it begins, and writes numbered lines.
 */
export async function realStops(
  { seed, note }: Chaos,
  { builds: count }: { readonly builds: number },
): Promise<Outcome> {
  const random = seededRandom(`real ${seed}`);
  const receiver = await startReceiver();
  const counter = await startCounter();
  let stack: Stack | undefined;
  try {
    stack = await startStack({ engine: 'buildkit', workers: 0, builders, slots });
    const members = await Promise.all(Array.from({ length: workers }, (_, at) => worker(stack as Stack, at)));
    await openArena(stack);
    const builds: Build[] = [];
    for (let at = 0; at < count; at++) {
      const lines = 15 + Math.floor(random() * 15);
      builds.push(await submit(stack, { name: `job-${at}`, lines, counter: counter.url, receiver }));
    }
    const open = () => builds.filter(({ id }) => !receiver.received.has(id)).length;
    const ends = settled(open);
    let isOver = false;
    void ends.then(() => {
      isOver = true;
    });
    const goesOn = () => !isOver && open() > count / 10;
    const stops = await stopWorkers({ workers: members, random, note, open, goesOn });
    await ends;
    const { facts, ...counts } = await verdict({ stack, builds, receiver, counter, note });
    return { ...counts, facts: { ...facts, real_kills: stops.kills, real_drains: stops.drains } };
  } finally {
    await stack?.stop();
    counter.stop();
    receiver.stop();
  }
}

/** A worker of the stack, which has another port and log at each start. */
const worker = (stack: Stack, at: number): Promise<Member> =>
  startMember({ name: `real worker ${at + 1}`, url: stack.url, start: () => stack.startWorker() });

interface Submitted {
  readonly name: string;
  readonly lines: number;
  readonly counter: string;
  readonly receiver: Receiver;
}

async function submit(stack: Stack, { name, lines, counter, receiver }: Submitted): Promise<Build> {
  const image = `${stack.registry}/stops/${name}:1`;
  const steps = [
    `busybox wget -q -O /begun ${counter}/${name}`,
    'i=0',
    `while [ $i -lt ${lines} ]; do echo "${name} writes line $i"; busybox sleep ${lineSeconds}; i=$((i+1)); done`,
  ];
  const Dockerfile = `FROM ${stack.registry}/isolation/base:1\nRUN ${steps.join('; ')}\n`;
  const answer = await stack.call('/v1/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ image, source: { files: { Dockerfile } }, callback: receiver.callback }),
  });
  if (answer.status !== 202) throw new Error(`${name} was refused: ${await answer.text()}`);
  return { name, image, lines, id: ((await answer.json()) as Job).id };
}

/** Resolves when no job is open, or nothing has ended for a while. */
async function settled(open: () => number): Promise<void> {
  let left = open();
  for (let since = performance.now(); left > 0 && performance.now() - since < patienceMs; ) {
    await sleep(250);
    const now = open();
    if (now < left) since = performance.now();
    left = now;
  }
}

interface Counter {
  readonly url: string;
  /** Returns how often the step of a build began. */
  begun(name: string): number;
  stop(): void;
}

async function startCounter(): Promise<Counter> {
  const begun = new Map<string, number>();
  const server = createServer((req, res) => {
    const name = (req.url ?? '').slice(1);
    begun.set(name, (begun.get(name) ?? 0) + 1);
    res.end('begun');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    begun: (name) => begun.get(name) ?? 0,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Counts {
  readonly stack: Stack;
  readonly builds: readonly Build[];
  readonly receiver: Receiver;
  readonly counter: Counter;
  readonly note: (text: string) => void;
}

async function verdict({ stack, builds, receiver, counter, note }: Counts): Promise<Outcome> {
  const found = {
    ...{ lost: 0, duplicated: 0, conflicting: 0, undelivered: 0 },
    ...{ wrong: 0, quarantined: 0, built_twice: 0, log_gaps: 0 },
  };
  // BuildKit may answer a second build from its cache, where the counter sees no step.
  const begun = await begunBuilds(stack);
  const facts = { real_builds: builds.length, real_takeovers: 0, real_placed_again: 0 };
  for (const { id, name, image, lines } of builds) {
    const blame = (what: keyof typeof found, why: string) => {
      found[what]++;
      note(`${what}: ${id} (${name}) ${why}`);
    };
    const job = (await (await stack.call(`/v1/jobs/${id}`)).json()) as Job;
    if (!isTerminal(job.state)) {
      blame('lost', `is ${job.state} after ${job.attempts.length} attempts`);
      continue;
    }
    const said = receiver.received.get(id);
    if (!said) blame('undelivered', 'has ended, and no message arrived');
    if (said && said.ids.size > 1) blame('duplicated', `was reported as ${[...said.ids].join(' and ')}`);
    if (said && (said.states.size > 1 || !said.states.has(job.state)))
      blame('conflicting', `was reported as ${[...said.states].join()}, and is ${job.state}`);
    if (job.state === 'succeeded' && !(await isPushed(image)))
      blame('conflicting', 'has succeeded without an image');
    if (job.error?.code === 'quarantined') blame('quarantined', 'is quarantined');
    else if (job.state !== 'succeeded') blame('wrong', `is ${job.error?.code ?? job.state}`);
    if (job.state === 'succeeded' && counter.begun(name) === 0)
      blame('conflicting', 'has succeeded without a build');
    const times = Math.max(counter.begun(name), begun.get(image) ?? 0);
    if (times > 1) blame('built_twice', `began ${times} times: ${outcomesOf(job)}`);
    for (const { takeovers = 0, outcome } of job.attempts) {
      facts.real_takeovers += takeovers;
      if (outcome === 'worker_lost' || outcome === 'draining') facts.real_placed_again++;
    }
    const text = await (
      await stack.call(`/v1/jobs/${id}/logs`, { headers: { accept: 'text/plain' } })
    ).text();
    const wanted = Array.from({ length: lines }, (_, at) => `${name} writes line ${at}`);
    if (written(text, name) !== wanted.join()) blame('log_gaps', `has this log:\n${text}`);
  }
  const { lost, duplicated, conflicting, undelivered, ...faults } = found;
  return { lost, duplicated, conflicting, undelivered, faults, facts };
}

const outcomesOf = ({ attempts }: Job) =>
  attempts.map(({ outcome, takeovers = 0 }) => `${outcome} with ${takeovers} takeovers`).join(', ');

/** The lines that the step wrote, in the order of the log. The log also has the instruction itself. */
const written = (text: string, name: string) =>
  [...text.matchAll(new RegExp(`${name} writes line \\d+$`, 'gm'))].join();

async function isPushed(image: string): Promise<boolean> {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const accept =
    'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
  return (await fetch(`http://${host}/v2/${repository}/manifests/${tag}`, { headers: { accept } })).ok;
}
