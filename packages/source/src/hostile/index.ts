import type { HostileArchive } from './case.js';
import { headerArchives } from './headers.js';
import { linkArchives } from './links.js';
import { nameArchives } from './names.js';
import { numberArchives } from './numbers.js';
import { pathArchives } from './paths.js';
import { shapeArchives } from './shapes.js';

export { gnuLong, pax, record } from './blocks.js';
export { digestOf, type HostileArchive, type NormalForm } from './case.js';
export { type HugeArchive, hugeArchives } from './huge.js';
export { bombPack, type HostilePack, servePack } from './packs.js';
export { contextOfPayloads, type HostilePayload, hostilePayloads, linkedPayloads } from './payloads.js';

/** Returns all small archives of the corpus, for tests of anything that accepts archives. No service imports this. */
export const hostileArchives = (): HostileArchive[] => [
  ...pathArchives(),
  ...linkArchives(),
  ...headerArchives(),
  ...numberArchives(),
  ...nameArchives(),
  ...shapeArchives(),
];
