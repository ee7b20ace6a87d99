import type { Attack } from '../attack.js';
import { archives } from './archives.js';
import { payloads } from './payloads.js';
import { requests } from './requests.js';
import { slow } from './slow.js';
import { smallBodies } from './small-bodies.js';

/** In this order, except for those in the background. */
export const attacks: readonly Attack[] = [slow, archives, payloads, requests, smallBodies];
