export { connectRedis, primaryFinder, type Redis } from './connect.js';
export { RedisGuard } from './guard.js';
export { type Keys, redisKeys } from './keys.js';
export { defineScript, type LuaFolder, type Script, scriptsIn } from './script.js';
export { RedisTls, type RedisTlsFiles } from './tls.js';
export { parseRedisUrl } from './url.js';
