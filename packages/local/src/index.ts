export { type BuildkitdHandle, type BuildkitdOptions, startBuildkitd } from './buildkitd.js';
export { type CertificateAuthority, type CertificateFiles, createAuthority } from './certificates.js';
export { exitOnSignals } from './exit-on-signals.js';
export { freePort } from './free-port.js';
export {
  type KubernetesApi,
  type KubernetesApiOptions,
  startKubernetesApi,
} from './kubernetes/api-server.js';
export { createKubectl, type Kubectl } from './kubernetes/kubectl.js';
export { type Member, startMember } from './member.js';
export { mountsIn, unmountIn } from './mounts.js';
export { type ProcessExit, type ProcessHandle, type ProcessOptions, startProcess } from './process.js';
export { askRedis } from './redis/ask.js';
export { type ClusterOptions, startRedisCluster } from './redis/cluster.js';
export { type SentinelOptions, startRedisSentinel } from './redis/sentinel.js';
export { type RedisHandle, type RedisOptions, type RedisProgram, startRedis } from './redis/server.js';
export type { RedisNode, RedisTopology } from './redis/topology.js';
export { type RegistryHandle, type RegistryOptions, startRegistry } from './registry.js';
export { startMoto } from './s3/moto.js';
export {
  credentialsEnv,
  type S3Credentials,
  type S3Handle,
  type S3Options,
  s3Url,
} from './s3/s3-server.js';
export { startVersitygw, type VersitygwOptions } from './s3/versitygw.js';
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
export { findTool, kubernetesBin, requireKubernetesTool } from './tools.js';
export type { Direction, FaultyProxy, NetworkFault } from './toxiproxy/faulty-proxy.js';
export { startToxiproxy, type ToxiproxyHandle } from './toxiproxy/toxiproxy.js';
