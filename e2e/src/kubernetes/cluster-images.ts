import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { requireKubernetesTool } from '@slipway/local';
import { addProgram, layBase, path, type StandIn } from '../system/stand-ins.js';
import { pauseImage } from './containerd.js';

interface ClusterImage extends StandIn {
  readonly image: string;
}

/** An image with one static program at its top. */
const ofProgram = (options: {
  repository: string;
  tag: string;
  file: string;
  find: () => string;
}): ClusterImage => ({
  repository: options.repository,
  image: `${options.repository}:${options.tag}`,
  changes: ['USER 65532:65532', `ENTRYPOINT ["/${options.file}"]`],
  layOut: (rootfs) => cp(options.find(), join(rootfs, options.file)),
});

/** An image with a shell and its tools. */
const shell: Pick<ClusterImage, 'layOut'> = { layOut: layBase };

const versitygw: ClusterImage = {
  repository: 'versity/versitygw',
  image: 'versity/versitygw:v1.8.0',
  changes: [path, 'ENTRYPOINT ["versitygw"]'],
  async layOut(rootfs) {
    await layBase(rootfs);
    await addProgram({ rootfs, name: 'versitygw' });
  },
};

/** The images of a cluster besides those of docker-compose.yml. */
export const clusterImages: readonly ClusterImage[] = [
  {
    ...shell,
    repository: 'slipway.local/pause',
    image: pauseImage,
    changes: [path, 'CMD ["sleep", "2147483647"]'],
  },
  versitygw,
  ofProgram({
    repository: 'ghcr.io/kedacore/keda',
    tag: 'main',
    file: 'keda',
    find: () => requireKubernetesTool('keda-operator'),
  }),
  ofProgram({
    repository: 'ghcr.io/kedacore/keda-metrics-apiserver',
    tag: 'main',
    file: 'keda-adapter',
    find: () => requireKubernetesTool('keda-adapter'),
  }),
];
