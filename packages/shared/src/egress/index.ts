export { createEgressAgent } from './agent.js';
export { type Allowlist, allowsAddress, parseAllowlist } from './allowlist.js';
