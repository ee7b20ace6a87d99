import { runService } from '@slipway/shared/lifecycle';
import { loadConfig } from './config.js';
import { createSimulator } from './simulator.js';

/** Unlike any code of the service's own ends: the fault `exit`. */
const exitCode = 70;
/** As of Slipway's builder. */
const builderLingerMs = 3_000;

await runService({
  name: 'simulator',
  loadConfig,
  create: (deps) => {
    const lingerMs = deps.config.buildOptions ? builderLingerMs : 0;
    return [createSimulator({ ...deps, lingerMs, exit: () => process.exit(exitCode) })];
  },
});
