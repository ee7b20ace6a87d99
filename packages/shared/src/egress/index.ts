export { createEgressAgent } from './agent.js';
export { type Allowlist, allowsAddress, egressAllow, parseAllowlist } from './allowlist.js';
