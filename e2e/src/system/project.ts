import { execFile } from 'node:child_process';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Client, createClient } from '@slipway/client';
import { parse } from 'yaml';
import { type ComposeModel, root } from '../compose/model.js';
import { type Docker, startDocker } from './docker.js';
import { standIns } from './stand-ins.js';

interface Container {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Status: string;
    readonly StartedAt: string;
    readonly Health?: { readonly Status: string };
  };
  readonly Config: { readonly Image: string; readonly Labels: Readonly<Record<string, string>> };
  readonly HostConfig: {
    readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> };
  };
}

/** The shipped docker-compose.yml on its own Docker engine. */
export interface Project {
  readonly docker: Docker;
  /** The folder of the compose file and its secrets. */
  readonly folder: string;
  /** A client of the API on its published port, with the token that scripts/secrets.mjs made. */
  readonly client: Client;
  /** Runs `docker compose ARGUMENTS`. Resolves to its output; rejects with it. */
  compose(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<string>;
  /** All containers, stopped ones included. */
  containers(): Promise<Container[]>;
  /** The names of containers that are not healthy, with their states. */
  unwell(): Promise<string[]>;
}

const apiUrl = 'http://127.0.0.1:8080';
/** The registry at its published port in docker-compose.yml. Inside, its host name is `registry`. */
export const registryHost = { inside: 'registry:5000', outside: '127.0.0.1:5000' };

/** Starts a Docker engine that has the images of scripts/test/system.mjs. Nothing of docker-compose.yml runs yet. */
export async function startProject(): Promise<Project> {
  const { SLIPWAY_SYSTEM_FOLDER: base, SLIPWAY_SYSTEM_CGROUP: cgroup } = process.env;
  if (base === undefined || cgroup === undefined) throw new Error('run this by `npm run test:system`');
  const folder = join(base, 'project');
  await mkdir(folder);
  await cp(join(root, 'docker-compose.yml'), join(folder, 'docker-compose.yml'));
  await cp(join(root, 'deploy'), join(folder, 'deploy'), { recursive: true });
  await promisify(execFile)(process.execPath, [
    join(root, 'scripts', 'secrets.mjs'),
    join(folder, 'secrets'),
  ]);
  const docker = await startDocker({
    folder: join(base, 'docker'),
    cgroup,
    logFile: join(base, 'dockerd.log'),
  });
  const images = join(base, 'images');
  for (const version of ['local', 'next'])
    for (const target of ['api', 'worker', 'builder'])
      await docker.run('load', '--quiet', '--input', join(images, `${target}-${version}.tar`));
  const text = await readFile(join(folder, 'docker-compose.yml'), 'utf8');
  const { services } = parse(text, { merge: true }) as Pick<ComposeModel, 'services'>;
  for (const { repository, changes } of standIns) {
    const image = Object.values(services).find((each) => each.image.startsWith(`${repository}:`))?.image;
    if (image === undefined) throw new Error(`docker-compose.yml has no image ${repository}`);
    await docker.importFolder({ rootfs: join(images, repository.replace('/', '-')), image, changes });
  }
  const token = (await readFile(join(folder, 'secrets', 'api-token'), 'utf8')).trim();
  const containers = async () => {
    const ids = await docker.run('ps', '--all', '--quiet');
    return ids === '' ? [] : (JSON.parse(await docker.run('inspect', ...ids.split('\n'))) as Container[]);
  };
  return {
    docker,
    folder,
    client: createClient({ url: apiUrl, token }),
    compose: (args, env = {}) => docker.compose({ folder, args, env }),
    containers,
    async unwell() {
      return (await containers())
        .map(({ Name, State }) => `${Name.slice(1)} ${State.Health?.Status ?? State.Status}`)
        .filter((state) => !state.endsWith(' healthy'));
    },
  };
}

/** Returns the milliseconds without an answer of the API until `until` settled, from the last answer before to the first after. */
export async function measureAbsence(until: Promise<unknown>): Promise<number> {
  let over = false;
  const end = until.finally(() => {
    over = true;
  });
  let absentMs = 0;
  let answered = Date.now();
  let answers = true;
  while (!over || !answers) {
    answers = await fetch(`${apiUrl}/healthz`, { signal: AbortSignal.timeout(1_000) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (answers) {
      const now = Date.now();
      // A shorter gap is only the pause and a slow answer.
      if (now - answered > 500) absentMs += now - answered;
      answered = now;
    }
    await delay(50);
  }
  await end;
  return absentMs;
}
