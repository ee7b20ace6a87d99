import { execFile } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { type ComposeModel, root } from '../compose/model.js';
import type { ImageBuilder } from '../images/image-builder.js';
import { withOwnImages } from '../images/own-images.js';
import { type StandIn, standIns } from '../system/stand-ins.js';
import { clusterImages } from './cluster-images.js';

/** The services that the repository has an image for. */
const targets = ['api', 'worker', 'builder'];
/** Tags of Slipway's images: one to install, and a later one. */
const versions = ['local', 'next'];

/**
 * Writes the images of the cluster into a folder, as archives for `ctr images import`: Slipway's own, the simulator,
 * images that docker-compose.yml pulls, and images of the cluster itself. Needs the network for packages; the suite itself has none.
 */
async function prepareImages(folder: string): Promise<void> {
  await withOwnImages(folder, async ({ build, builder }) => {
    for (const version of versions)
      for (const target of targets)
        await build({
          target,
          version,
          image: `slipway/${target}:${version}`,
          archive: join(folder, `${target}-${version}.tar`),
        });
    await build({
      dockerfile: 'packages/simulator/Dockerfile',
      version: 'local',
      image: 'slipway/simulator:local',
      archive: join(folder, 'simulator.tar'),
    });
    const text = await readFile(join(root, 'docker-compose.yml'), 'utf8');
    const services = Object.values((parse(text, { merge: true }) as Pick<ComposeModel, 'services'>).services);
    for (const standIn of standIns) {
      const image = services.find((each) => each.image.startsWith(`${standIn.repository}:`))?.image;
      if (image === undefined) throw new Error(`docker-compose.yml has no image ${standIn.repository}`);
      await writeArchive({ folder, builder, standIn, image });
    }
    for (const { image, ...standIn } of clusterImages)
      await writeArchive({ folder, builder, standIn, image });
  });
}

interface ArchiveOptions {
  readonly folder: string;
  readonly builder: ImageBuilder;
  readonly standIn: StandIn;
  readonly image: string;
}

async function writeArchive({ folder, builder, standIn, image }: ArchiveOptions): Promise<void> {
  const name = standIn.repository.replaceAll('/', '-');
  const context = join(folder, 'tmp', `standing-in-${name}`);
  const rootfs = join(context, 'rootfs');
  await mkdir(rootfs, { recursive: true });
  await standIn.layOut(rootfs);
  // An archive keeps owners and capabilities, which a build does not take from a folder.
  await promisify(execFile)('tar', [
    ...['--create', '--xattrs', '--xattrs-include=security.capability'],
    ...[`--file=${join(context, 'rootfs.tar')}`, `--directory=${rootfs}`, '.'],
  ]);
  await rm(rootfs, { recursive: true });
  const lines = ['FROM scratch', 'ADD rootfs.tar /', ...standIn.changes, ''];
  await writeFile(join(context, 'Dockerfile'), lines.join('\n'));
  await builder.build({ context, image, archive: join(folder, `${name}.tar`) });
}

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: prepare.js FOLDER');
await prepareImages(folder);
