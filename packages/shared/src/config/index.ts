export {
  type CommonConfig,
  commonConfig,
  graceForBuilds,
  type PayloadSecrets,
  payloadSecrets,
  previousPayloadSecrets,
  publicUrl,
} from './common.js';
export {
  ConfigError,
  type DeclaredSetting,
  declaredSettings,
  type Env,
  Fields,
  openSetting,
  readEnv,
} from './fields.js';
export { type RedisAccess, type RedisConfig, redisConfig } from './redis.js';
export { Secret } from './secret.js';
export type { TracingConfig } from './tracing.js';
