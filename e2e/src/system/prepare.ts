import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startBuildkitd, startRegistry } from '@slipway/local';
import { root } from '../compose/model.js';
import { createImageBuilder } from '../images/image-builder.js';
import { npmConfig, pushBuildkitImage, pushGoImage, pushNodeImage } from '../images/stand-ins.js';
import { standIns } from './stand-ins.js';

/** The services that the repository has an image for. */
const targets = ['api', 'worker', 'builder'];
/** Values of SLIPWAY_VERSION: the default of docker-compose.yml, and a later one. */
const versions = ['local', 'next'];

/**
 * Writes all images of docker-compose.yml into a folder: `<target>-<version>.tar` as `docker load` reads it, and
 * the root file systems of stand-ins. Needs the network for packages; the suite itself has none.
 */
async function prepareImages(folder: string): Promise<void> {
  const temporary = join(folder, 'tmp');
  await mkdir(temporary);
  const steps: (() => Promise<unknown>)[] = [() => rm(temporary, { recursive: true })];
  try {
    const registry = await startRegistry({ dir: join(temporary, 'registry') });
    steps.push(() => registry.stop());
    const buildkitd = await startBuildkitd({
      dir: join(temporary, 'buildkitd'),
      insecureRegistries: [registry.host],
    });
    steps.push(() => buildkitd.stop());
    const builder = createImageBuilder({ address: buildkitd.address });
    const args = {
      NODE_IMAGE: `${registry.host}/stand-in/node:1`,
      BUILDKIT_IMAGE: `${registry.host}/stand-in/buildkit:1`,
      GO_IMAGE: `${registry.host}/stand-in/go:1`,
    };
    const part = async (name: string) => {
      const path = join(temporary, name);
      await mkdir(path);
      return path;
    };
    await pushNodeImage({ builder, folder: await part('node'), image: args.NODE_IMAGE });
    await pushGoImage({ builder, folder: await part('go'), image: args.GO_IMAGE });
    await pushBuildkitImage({ builder, folder: await part('buildkit'), image: args.BUILDKIT_IMAGE });
    const npmrc = join(temporary, 'npmrc');
    await writeFile(npmrc, await npmConfig());
    for (const version of versions)
      for (const target of targets)
        await builder.build({
          context: root,
          dockerfile: 'deploy/Dockerfile',
          target,
          args: { ...args, VERSION: version },
          secrets: { npmrc },
          image: `slipway/${target}:${version}`,
          archive: join(folder, `${target}-${version}.tar`),
        });
    for (const { repository, layOut } of standIns) {
      const rootfs = join(folder, repository.replace('/', '-'));
      await mkdir(rootfs);
      await layOut(rootfs);
    }
  } finally {
    for (let step = steps.pop(); step; step = steps.pop()) await step();
  }
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: prepare.js FOLDER');
await prepareImages(folder);
