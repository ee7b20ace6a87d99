import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  buildAll,
  type RealFleet,
  slotsPerDaemon,
  startRealFleet,
  upload,
  writeFunction,
} from '../fleets/real.js';
import type { Scenario } from '../scenario.js';

const run = promisify(execFile);
const functions = 100;

/**
 * Each function has a unique step, so that neither side uses the other's cache, and a step with about a second of processor
 * time, less than the installation of a small function's packages takes.
 */
const dockerfile = (name: string) => [
  'FROM scratch',
  'COPY busybox /bin/sh',
  'COPY busybox /bin/busybox',
  `RUN echo ${name} > /name; /bin/busybox dd if=/dev/zero bs=1M count=150 | /bin/busybox sha256sum > /packages`,
  'COPY handler.txt /handler.txt',
];

export const p10: Scenario = {
  name: 'P10',
  about: '100 real functions on two BuildKit daemons, against a bare loop of buildctl with as many at once',

  async run({ folder, note }) {
    const fleet = await startRealFleet(folder);
    try {
      const prepare = async (side: string) => {
        const names = Array.from({ length: functions }, (_unused, at) => `${side}-${at}`);
        return await Promise.all(
          names.map(async (name) => ({
            name,
            image: `${fleet.slipway.registry}/p10/${name}:1`,
            context: await writeFunction({ folder, name, dockerfile: dockerfile(name), handler: name }),
          })),
        );
      };
      // The first builds of a daemon cost more than all others.
      await bareLoop((await prepare('warm')).slice(0, 8), fleet);
      const bareMs: number[] = [];
      const slipwayMs: number[] = [];
      for (const round of [1, 2]) {
        note(`round ${round}: the bare loop, then Slipway`);
        const bare = await prepare(`bare-${round}`);
        bareMs.push(await timed(() => bareLoop(bare, fleet)));
        const ours = await prepare(`ours-${round}`);
        slipwayMs.push(
          await timed(async () => {
            const builds = await Promise.all(
              ours.map(async ({ image, context }) => ({
                image,
                digest: await upload(context, fleet.client),
              })),
            );
            await buildAll(builds, fleet.client);
          }),
        );
      }
      const mean = (list: number[]) => list.reduce((sum, ms) => sum + ms, 0) / list.length;
      return {
        time_ratio: mean(slipwayMs) / mean(bareMs),
        functions,
        overhead_ms_per_build: (mean(slipwayMs) - mean(bareMs)) / functions,
        slipway_ms: mean(slipwayMs),
        bare_ms: mean(bareMs),
      };
    } finally {
      await fleet.slipway.stop();
    }
  },
};

async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Builds with `buildctl` as a shell loop does, with as many builds at once on each daemon as a replica has slots. */
async function bareLoop(
  builds: readonly { readonly image: string; readonly context: string }[],
  { daemons, buildctl }: RealFleet,
): Promise<void> {
  const left = [...builds];
  const lane = async (daemon: string) => {
    for (let next = left.shift(); next; next = left.shift()) {
      const { image, context } = next;
      await run(buildctl, [
        ...['--addr', daemon, 'build', '--frontend', 'dockerfile.v0', '--progress', 'plain'],
        ...['--local', `context=${context}`, '--local', `dockerfile=${context}`],
        ...['--output', `type=image,name=${image},push=true,registry.insecure=true`],
      ]);
    }
  };
  await Promise.all(daemons.flatMap((daemon) => Array.from({ length: slotsPerDaemon }, () => lane(daemon))));
}
