import { runService } from '@slipway/shared/lifecycle';
import { createBuilder } from './builder.js';
import { loadConfig } from './config.js';

await runService({ name: 'builder', loadConfig, create: createBuilder });
