import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startBuildkitd, startRegistry } from '@slipway/local';
import { root } from '../compose/model.js';
import { createImageBuilder, type ImageBuilder } from './image-builder.js';
import { npmConfig, pushGoImage, pushNodeImage } from './stand-ins.js';

/** Builds images of this repository over stand-ins for their bases. */
export interface OwnImages {
  readonly builder: ImageBuilder;
  /** Builds a target of a Dockerfile of this repository and writes its archive, as `docker load` reads it. */
  build(options: {
    readonly dockerfile?: string;
    readonly target?: string;
    readonly version: string;
    readonly image: string;
    readonly archive: string;
  }): Promise<void>;
}

/** Runs `work` with a BuildKit daemon and a registry in a temporary folder below `folder`. Builds need the network for packages. */
export async function withOwnImages(
  folder: string,
  work: (images: OwnImages) => Promise<void>,
): Promise<void> {
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
      GO_IMAGE: `${registry.host}/stand-in/go:1`,
    };
    const part = async (name: string) => {
      const path = join(temporary, name);
      await mkdir(path);
      return path;
    };
    await pushNodeImage({ builder, folder: await part('node'), image: args.NODE_IMAGE });
    await pushGoImage({ builder, folder: await part('go'), image: args.GO_IMAGE });
    const npmrc = join(temporary, 'npmrc');
    await writeFile(npmrc, await npmConfig());
    await work({
      builder,
      build: ({ dockerfile = 'deploy/Dockerfile', version, ...output }) =>
        builder.build({
          ...output,
          context: root,
          dockerfile,
          args: { ...args, VERSION: version },
          secrets: { npmrc },
        }),
    });
  } finally {
    for (let step = steps.pop(); step; step = steps.pop()) await step();
  }
}
