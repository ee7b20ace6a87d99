import { runProcess } from '@slipway/shared/lifecycle';
import { createBuilder } from './builder.js';
import { loadConfig } from './config.js';

await runProcess({ name: 'builder', loadConfig, create: createBuilder });
