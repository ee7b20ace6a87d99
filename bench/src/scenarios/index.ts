import type { Scenario } from '../scenario.js';
import { acquireScenario } from './acquire.js';
import { idle } from './idle.js';
import { ingest } from './ingest.js';
import { p1 } from './p1.js';
import { p2 } from './p2.js';
import { p3 } from './p3.js';
import { p4 } from './p4.js';
import { p5 } from './p5.js';
import { p6 } from './p6.js';
import { p7 } from './p7.js';
import { p8 } from './p8.js';
import { p9 } from './p9.js';
import { p10 } from './p10.js';
import { p11 } from './p11.js';
import { p12 } from './p12.js';
import { p13 } from './p13.js';
import { p15 } from './p15.js';
import { p16 } from './p16.js';
import { replicated } from './replicated.js';
import { restart } from './restart.js';
import { viewing } from './viewers.js';

/** All scenarios, in the order they run in. */
export const scenarios: readonly Scenario[] = [
  ...p1,
  p2,
  p3,
  p4,
  ...p5,
  p6,
  p7,
  p8,
  p9,
  p10,
  p11,
  p12,
  ...p13,
  p15,
  p16,
  idle,
  acquireScenario,
  ingest,
  replicated,
  restart,
  viewing,
];
