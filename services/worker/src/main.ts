import { runProcess } from '@slipway/shared/lifecycle';
import { loadConfig } from './config.js';
import { createWorker } from './worker.js';

await runProcess({ name: 'worker', loadConfig, create: createWorker });
