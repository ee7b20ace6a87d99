import { fileURLToPath } from 'node:url';
import { runInNamespace } from '../network/namespace.js';
import type { Outcome, Scenario } from '../scenario.js';

/** As it is compiled, wherever this module is run from. */
const inside = fileURLToPath(new URL('../../../dist/chaos/network/inside.js', import.meta.url));

export const r12: Scenario = {
  name: 'R12',
  about:
    'endpoints, callbacks and repositories name private addresses, by every spelling, name, rebinding and redirect: no connection',
  defaults: { jobs: 0, runs: 0 },

  run: async ({ note }) =>
    (await runInNamespace({ script: inside, args: [], note, timeoutMs: 400_000 })) as Outcome,
};
