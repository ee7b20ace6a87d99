export { type CommonConfig, commonConfig } from './common.js';
export {
  ConfigError,
  type DeclaredSetting,
  declaredSettings,
  type Env,
  Fields,
  openSetting,
  readEnv,
} from './fields.js';
export { insecureRegistries } from './insecure-registries.js';
export { type PayloadSecrets, payloadSecrets, previousPayloadSecrets } from './payload-secrets.js';
export { publicUrl } from './public-url.js';
export { type RedisAccess, type RedisConfig, redisConfig } from './redis.js';
export { Secret } from './secret.js';
export type { TracingConfig } from './tracing.js';
