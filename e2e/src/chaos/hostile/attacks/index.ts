import type { Attack } from '../attack.js';
import { archives } from './archives.js';
import { gitPacks } from './git-packs.js';
import { idleConnections } from './idle-connections.js';
import { payloads } from './payloads.js';
import { refusedUploads } from './refused-uploads.js';
import { requests } from './requests.js';
import { slow } from './slow.js';
import { slowBodies } from './slow-bodies.js';
import { smallBodies } from './small-bodies.js';
import { storedBytes } from './stored-bytes.js';
import { unverifiedPayloads } from './unverified-payloads.js';
import { wrongTokens } from './wrong-tokens.js';

/** In this order, except for those in the background. */
export const attacks: readonly Attack[] = [
  slow,
  archives,
  payloads,
  requests,
  smallBodies,
  gitPacks,
  refusedUploads,
  slowBodies,
  unverifiedPayloads,
  wrongTokens,
  idleConnections,
  storedBytes,
];
