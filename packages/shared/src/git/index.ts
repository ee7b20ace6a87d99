export { checkedAddresses } from './addresses.js';
export { type GitConfig, type GitScheme, gitSchemes } from './config.js';
export { type RepositoryOptions } from './fetch.js';
export { fetchRepository, findHead, type Head, type Repository, sweepRepositories } from './repository.js';
export { type RepositoryUrl, repositoryUrl } from './url.js';
