import { runService } from '@slipway/shared/lifecycle';
import { loadConfig } from './config.js';
import { createWorker } from './worker.js';

await runService({ name: 'worker', loadConfig, create: createWorker });
