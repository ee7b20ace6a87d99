export { checkedAddresses } from './addresses.js';
export { type GitConfig, type GitScheme, gitSchemes, type SshHost, type SshKey } from './config.js';
export type { RepositoryOptions } from './fetch.js';
export { fetchRepository, findHead, type Head, type Repository, sweepRepositories } from './repository.js';
export { sshAccess, sshKey, sshScope } from './ssh-access.js';
export { repositoryName, sshUrl } from './ssh-url.js';
export { type RepositoryUrl, repositoryPath, repositoryUrl } from './url.js';
