export { type DockerConfig, readDockerConfig } from './docker-config.js';
export { helperEnvironment, helperVariables } from './helper-environment.js';
