export { parseUntrustedYaml } from './parse-untrusted-yaml.js';
