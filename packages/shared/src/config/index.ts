export { type CommonConfig, commonConfig, type RedisConfig, redisConfig } from './common.js';
export { ConfigError, type Env, Fields, readEnv } from './fields.js';
export { publicUrl } from './public-url.js';
export { Secret } from './secret.js';
