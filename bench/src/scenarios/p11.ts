import type { Job } from '@slipway/client';
import { buildAll, logOf, type RealFleet, startRealFleet, upload, writeFunction } from '../fleets/real.js';
import type { Scenario } from '../scenario.js';

const functions = 40;
const marker = 'the costly step ran';

/** A costly step that does not depend on the handler. It is cached unless another replica gets the build. */
const dockerfile = (name: string) => [
  'FROM scratch',
  'COPY busybox /bin/sh',
  'COPY busybox /bin/busybox',
  `RUN echo ${name}; /bin/busybox sleep 0.5; echo ${marker}`,
  'COPY handler.txt /handler.txt',
];

export const p11: Scenario = {
  name: 'P11',
  about:
    '40 functions rebuilt with one changed file on two replicas with caches of their own, against placement by chance',

  async run({ folder, note }) {
    const fleet = await startRealFleet(folder);
    try {
      note('first builds');
      await buildVersion({ fleet, folder, version: 1, image: (name) => `p11/${name}` });
      note('rebuilt under the same names: affinity brings each to the replica that has its layers');
      const same = await buildVersion({ fleet, folder, version: 2, image: (name) => `p11/${name}` });
      note('rebuilt under other names: the same contexts, placed as if by chance');
      const other = await buildVersion({
        fleet,
        folder,
        version: 3,
        image: (name) => `p11/elsewhere/${name}`,
      });
      return {
        hit_ratio: same.hits / functions,
        time_vs_random: same.ms / other.ms,
        random_hit_ratio: other.hits / functions,
        functions,
        affine_ms: same.ms,
        random_ms: other.ms,
      };
    } finally {
      await fleet.slipway.stop();
    }
  },
};

interface Version {
  readonly fleet: RealFleet;
  readonly folder: string;
  readonly version: number;
  readonly image: (name: string) => string;
}

/** Builds all functions. Returns the time that took, and the number of builds that did not run their costly step again. */
async function buildVersion({
  fleet,
  folder,
  version,
  image,
}: Version): Promise<{ ms: number; hits: number }> {
  const { client, slipway } = fleet;
  const builds: { image: string; digest: string }[] = [];
  for (let at = 0; at < functions; at++) {
    const name = `fn-${at}`;
    const context = await writeFunction({
      folder,
      name,
      dockerfile: dockerfile(name),
      handler: `version ${version}`,
    });
    builds.push({ image: `${slipway.registry}/${image(name)}:1`, digest: await upload(context, client) });
  }
  const begun = performance.now();
  const jobs = await buildAll(builds, client);
  const ms = performance.now() - begun;
  const ran = await Promise.all(jobs.map((job: Job) => logOf(job, client)));
  // The step's own line names the command; its output lines begin with `l:`.
  return { ms, hits: ran.filter((log) => !new RegExp(`^l: .*Z ${marker}$`, 'm').test(log)).length };
}
