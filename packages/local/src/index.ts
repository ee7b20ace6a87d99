export { type BuildkitdHandle, type BuildkitdOptions, startBuildkitd } from './buildkitd.js';
export { type CertificateAuthority, type CertificateFiles, createAuthority } from './certificates.js';
export { freePort } from './free-port.js';
export { mountsIn, unmountIn } from './mounts.js';
export { type ProcessExit, type ProcessHandle, type ProcessOptions, startProcess } from './process.js';
export { type RedisHandle, type RedisOptions, startRedis } from './redis.js';
export { type RegistryHandle, type RegistryOptions, startRegistry } from './registry.js';
export { type RedisUsers, type ShippedUsers, shippedRedisArguments, shippedUsers } from './shipped.js';
export type {
  PartFailure,
  ServiceName,
  Slipway,
  SlipwayOptions,
  SlipwayPart,
} from './slipway/options.js';
export { type ServiceHandle, type ServiceOptions, startService } from './slipway/service.js';
export { startSlipway } from './slipway/start.js';
export { type TemporaryFolder, temporaryFolder } from './temporary-folder.js';
export { findTool } from './tools.js';
