import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { withOwnImages } from '../images/own-images.js';
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
  await withOwnImages(folder, async ({ build }) => {
    for (const version of versions)
      for (const target of targets)
        await build({
          target,
          version,
          image: `slipway/${target}:${version}`,
          archive: join(folder, `${target}-${version}.tar`),
        });
    for (const { repository, layOut } of standIns) {
      const rootfs = join(folder, repository.replace('/', '-'));
      await mkdir(rootfs);
      await layOut(rootfs);
    }
  });
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: prepare.js FOLDER');
await prepareImages(folder);
