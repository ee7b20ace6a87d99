import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Client, createClient, type Job } from '@slipway/client';
import { findTool, type Slipway, startSlipway } from '@slipway/local';

const run = promisify(execFile);

/** A whole Slipway over real BuildKit daemons, with a client. */
export interface RealFleet {
  readonly slipway: Slipway;
  readonly client: Client;
  /** The addresses of the daemons. */
  readonly daemons: readonly string[];
  readonly buildctl: string;
}

export const slotsPerDaemon = 2;

export async function startRealFleet(folder: string): Promise<RealFleet> {
  const slipway = await startSlipway({
    dir: join(folder, 's'),
    engine: 'buildkit',
    builders: 2,
    slots: slotsPerDaemon,
    workers: 2,
  });
  const daemons = slipway.parts
    .filter(({ name }) => name.startsWith('buildkitd'))
    .map(({ address }) => address);
  const client = createClient({ url: slipway.url, token: slipway.token });
  return { slipway, client, daemons, buildctl: tool('buildctl') };
}

function tool(name: string): string {
  const path = findTool(name);
  if (!path) throw new Error(`${name} is missing: node scripts/setup.mjs --engines=all`);
  return path;
}

interface FunctionFiles {
  readonly folder: string;
  readonly name: string;
  readonly dockerfile: readonly string[];
  readonly handler: string;
}

/** Writes a build context on a static busybox, so that the build pulls no image. */
export async function writeFunction({ folder, name, dockerfile, handler }: FunctionFiles): Promise<string> {
  const context = join(folder, name);
  await mkdir(context, { recursive: true });
  await copyFile(tool('busybox'), join(context, 'busybox'));
  await writeFile(join(context, 'Dockerfile'), [...dockerfile, ''].join('\n'));
  await writeFile(join(context, 'handler.txt'), handler);
  return context;
}

/** Uploads a context, packed by GNU tar. Returns its digest. */
export async function upload(context: string, client: Client): Promise<string> {
  await run('tar', ['-C', context, '-cf', `${context}.tar`, '.']);
  return (await client.uploadSource({ archive: await readFile(`${context}.tar`) })).digest;
}

interface BuildOptions {
  readonly image: string;
  readonly digest: string;
}

/** Submits all jobs at once and waits for their ends. Throws when a job does not succeed. */
export async function buildAll(builds: readonly BuildOptions[], client: Client): Promise<Job[]> {
  return await Promise.all(
    builds.map(async ({ image, digest }) => {
      const { id } = await client.submitJob({ spec: { image, source: { digest } } });
      const job = await client.waitForEnd({ id });
      if (job.state !== 'succeeded') throw new Error(`${image} ${job.state}: ${job.error?.detail}`);
      return job;
    }),
  );
}

export async function logOf({ id }: Job, client: Client): Promise<string> {
  let text = '';
  for await (const line of client.followLog({ id, follow: false })) text += `${line.text}\n`;
  return text;
}
