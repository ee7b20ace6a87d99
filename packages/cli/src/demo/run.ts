import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient, type Job } from '@slipway/client';
import type { Slipway } from '@slipway/local';
import { count, formatBytes, shortDigest } from '@slipway/shared/formatting';
import { readContext } from '../build/context.js';
import { packContext } from '../build/pack.js';
import { outcomeLine } from '../jobs/outcome.js';
import type { Screen } from '../terminal/terminal.js';
import { shown } from '../terminal/text.js';
import { writeNodeContext } from './base-image.js';
import { type DemoFunction, demoFunctions } from './functions.js';
import { followJobs } from './progress.js';
import { pullImage } from './pull.js';
import type { Received, Receiver } from './receiver.js';
import { type Ending, findProblems, summaryTable } from './report.js';
import { runImage } from './run-image.js';
import type { Steps } from './steps.js';

interface RunDemo {
  readonly slipway: Slipway;
  readonly receiver: Receiver;
  readonly steps: Steps;
  readonly screen: Screen;
  /** The working folder; it is created. */
  readonly scratch: string;
  readonly signal: AbortSignal;
}

interface Demo extends RunDemo {
  readonly client: Client;
}

const label = { demo: 'slipway' };
const webhookWaitMs = 20_000;

/** Runs the demo on a running Slipway. Returns the problems found. */
export async function runDemo(options: RunDemo): Promise<string[]> {
  const { slipway, steps, screen, signal } = options;
  const demo = { ...options, client: createClient({ url: slipway.url, token: slipway.token }) };
  for (const { name, address } of slipway.parts) steps.note(`${name.padEnd(12)} ${address}`);

  const base = await steps.run(
    `Build a base image from this machine's Node ${process.version}, so that nothing is pulled`,
    () => buildBase(demo),
  );
  const sources = await steps.run('Upload the sources of six functions', () => uploadAll(demo));
  const jobs = await steps.run('Submit them as one list, and watch them build', async () => {
    const names = await submitAll(demo, sources, base);
    return followJobs({ ...demo, names, label: 'demo=slipway' });
  });
  const answer = await steps.run('Pull one of the images back, run it, and call its handler', () =>
    callHandler(demo, jobs),
  );
  const webhooks = await steps.run('Check the signatures of the webhooks', () => collectWebhooks(demo));
  await steps.run('The build that fails on purpose', async () => showFailure(demo, jobs));

  const endings = demoFunctions.map(
    ({ name, ends }): Ending => ({ name, ends, job: jobs.get(name), webhook: webhooks.get(name) }),
  );
  screen.line();
  for (const row of summaryTable(endings, screen)) screen.line(row);
  screen.line();
  signal.throwIfAborted();
  return findProblems({ endings, sources, answer });
}

/** Builds the base image with Slipway itself, and returns its reference. */
async function buildBase({ client, slipway, steps, scratch, signal }: Demo): Promise<string> {
  const folder = join(scratch, 'base');
  await mkdir(folder, { recursive: true });
  await writeNodeContext(folder);
  const { digest, ...size } = await upload({ client, folder, signal });
  steps.note(
    `FROM scratch: node and its libraries, ${count(size.files, 'file')}, ${formatBytes(size.bytes)}`,
  );
  const image = `${slipway.registry}/slipway/node:${process.versions.node}`;
  const { id } = await client.submitJob({ spec: { image, source: { digest } }, signal });
  const job = await client.waitForEnd({ id, signal });
  if (job.state !== 'succeeded') {
    const tail = job.error?.log_tail.map((line) => `\n  ${shown(line)}`).join('') ?? '';
    throw new Error(`the base image ${outcomeLine(job)}${tail}`);
  }
  steps.note(`built by Slipway, and pushed as ${image}`);
  return image;
}

interface UploadedSource {
  readonly digest: string;
  readonly created: boolean;
}

async function uploadAll(demo: Demo): Promise<Map<string, UploadedSource>> {
  const sources = new Map<string, UploadedSource>();
  for (const { name, about, prepare } of demoFunctions) {
    const scratch = join(demo.scratch, name);
    await mkdir(scratch, { recursive: true });
    const source = await upload({ ...demo, folder: await prepare(scratch) });
    sources.set(name, source);
    const answer = source.created ? '201, stored' : '200, already stored';
    const size = `${count(source.files, 'file')}, ${formatBytes(source.bytes)}`;
    demo.steps.note(`${name.padEnd(20)} ${about.padEnd(28)} ${size.padEnd(18)} ${answer}`);
  }
  return sources;
}

interface Upload {
  readonly client: Client;
  readonly folder: string;
  readonly signal: AbortSignal;
}

async function upload({ client, folder, signal }: Upload) {
  const context = await readContext(folder);
  return client.uploadSource({ archive: () => packContext(context), signal });
}

/** Submits all jobs. Returns the names of the functions by job id. */
async function submitAll(
  { client, slipway, receiver, signal }: Demo,
  sources: ReadonlyMap<string, UploadedSource>,
  base: string,
): Promise<Map<string, string>> {
  const submit = async ({ name, buildArgs }: DemoFunction) => {
    const spec = {
      function: `demo/${name}`,
      image: `${slipway.registry}/demo/${name}:1`,
      source: { digest: sources.get(name)?.digest ?? '' },
      build_args: { BASE_IMAGE: base, ...buildArgs },
      labels: label,
      callback: receiver.callback(name),
    };
    const { id } = await client.submitJob({ spec, signal });
    return [id, name] as const;
  };
  return new Map(await Promise.all(demoFunctions.map(submit)));
}

/** Returns the answer of the first function's handler, or undefined when its image is missing. */
async function callHandler(
  { slipway, steps, scratch, signal }: Demo,
  jobs: ReadonlyMap<string, Job>,
): Promise<string | undefined> {
  const [first] = demoFunctions;
  const digest = first && jobs.get(first.name)?.result?.digest;
  if (!first || digest === undefined) {
    steps.note('No image to run.');
    return undefined;
  }
  const root = join(scratch, 'root');
  const config = await pullImage({
    ...{ registry: slipway.registry, repository: `demo/${first.name}`, digest, into: root, signal },
  });
  steps.note(`pulled ${slipway.registry}/demo/${first.name}@${shortDigest(digest)}…`);
  const image = await runImage({ root, config, signal });
  try {
    const url = `${image.url}/?name=Slipway`;
    const answer = await (await fetch(url, { signal })).text();
    steps.note(`GET ${url}`);
    steps.note(`    ${answer}`);
    return answer;
  } finally {
    await image.stop({ graceMs: 1_000 });
  }
}

/** Returns the messages that arrive in time. A message arrives some time after the end of its job. */
async function collectWebhooks({ receiver, steps, signal }: Demo): Promise<Map<string, Received>> {
  const done = new AbortController();
  const until = AbortSignal.any([signal, done.signal]);
  const late = sleep(webhookWaitMs, undefined, { signal: until }).catch(() => undefined);
  const received = new Map<string, Received>();
  for (const { name } of demoFunctions) {
    const message = await Promise.race([receiver.message(name), late]);
    if (!message) continue;
    received.set(name, message);
    const validity = message.valid ? 'valid' : 'NOT VALID';
    steps.note(`${name.padEnd(20)} ${message.type.padEnd(14)} ${validity}  ${message.id}`);
  }
  done.abort();
  signal.throwIfAborted();
  const [example] = received.values();
  if (example) steps.note(`the first in full: ${example.body}`);
  return received;
}

async function showFailure({ steps }: Demo, jobs: ReadonlyMap<string, Job>): Promise<void> {
  for (const { name, ends } of demoFunctions) {
    const error = jobs.get(name)?.error;
    if (ends !== 'failed' || !error) continue;
    steps.note(`${error.code}: ${shown(error.detail)}`);
    for (const line of error.log_tail.slice(-6)) steps.note(`  ${shown(line)}`);
  }
}
