export { type CommonConfig, commonConfig, type RedisConfig, redisConfig } from './common.js';
export { ConfigError, type Env, Fields, readEnv } from './fields.js';
export { Secret } from './secret.js';
