import type { Scenario } from '../scenario.js';
import { ingest } from './ingest.js';
import { p4 } from './p4.js';
import { p5 } from './p5.js';

/** All scenarios, in the order they run in. */
export const scenarios: readonly Scenario[] = [p4, p5, ingest];
