import { runService } from '@slipway/shared/lifecycle';
import { loadConfig } from './config.js';
import { createSimulator } from './simulator.js';

/** Unlike any code of the service's own ends: the fault `exit`. */
const exitCode = 70;

await runService({
  name: 'simulator',
  loadConfig,
  create: (deps) => [createSimulator({ ...deps, exit: () => process.exit(exitCode) })],
});
