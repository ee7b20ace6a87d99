import type { ErrorCode } from '@slipway/shared/errors';
import type { S3Lab } from './s3-lab.js';

/** A way in which S3 is away for a time. */
export interface StorageFault {
  readonly name: string;
  /** The code that uploads are refused with. Undefined where they may only take longer. */
  readonly code: ErrorCode | undefined;
  break(lab: S3Lab): Promise<void>;
  heal(lab: S3Lab): Promise<void>;
}

export const storageFaults: readonly StorageFault[] = [
  {
    name: 'killed',
    code: 'storage_unavailable',
    break: (lab) => lab.kill(),
    heal: (lab) => lab.start(),
  },
  {
    name: 'slow',
    code: undefined,
    async break({ network }) {
      await network.add({ kind: 'latency', ms: 700, jitterMs: 300 });
      await network.add({ kind: 'bandwidth', kilobytesPerSecond: 100 }, 'upstream');
    },
    heal: ({ network }) => network.heal(),
  },
  {
    name: 'refusing',
    code: 'storage_unavailable',
    break: async ({ refusing }) => refusing.refuse(),
    heal: async ({ refusing }) => refusing.pass(),
  },
  {
    name: 'cut',
    code: 'storage_unavailable',
    break: ({ network }) => network.add({ kind: 'cut', afterBytes: 1_000 }, 'upstream'),
    heal: ({ network }) => network.heal(),
  },
  {
    name: 'silent',
    code: undefined,
    break: ({ network }) => network.add({ kind: 'hang' }, 'upstream'),
    heal: ({ network }) => network.heal(),
  },
  {
    name: 'unauthorized',
    code: 'storage_unauthorized',
    break: (lab) => restart(lab, 'replaced'),
    heal: (lab) => restart(lab, 'same'),
  },
  {
    name: 'no bucket',
    code: 'storage_misconfigured',
    break: (lab) => restart(lab, 'empty'),
    heal: (lab) => restart(lab, 'same'),
  },
];

async function restart(lab: S3Lab, how: Parameters<S3Lab['start']>[0]): Promise<void> {
  await lab.kill();
  await lab.start(how);
}
