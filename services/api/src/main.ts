import { runProcess } from '@slipway/shared/lifecycle';
import { createApi } from './api.js';
import { loadConfig } from './config.js';

await runProcess({ name: 'api', loadConfig, create: createApi });
