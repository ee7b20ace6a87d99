export { type DockerConfig, readDockerConfig } from './docker-config.js';
export {
  helperEnvironment,
  helperVariables,
  type RegistrySettings,
  registrySettings,
} from './helper-environment.js';
