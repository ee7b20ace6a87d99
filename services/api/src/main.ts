import { runService } from '@slipway/shared/lifecycle';
import { createApi } from './api.js';
import { loadConfig } from './config.js';

await runService({ name: 'api', loadConfig, create: createApi });
