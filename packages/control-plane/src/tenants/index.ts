export { mayPushTo } from './images.js';
export { type PayloadSecretRecord, PayloadSecretStore, toPayloadSecret } from './payload-secret-store.js';
export { type TenantRecord, TenantStore, type TenantUsage, toTenant } from './tenant-store.js';
export {
  type NewToken,
  newTokenText,
  type TokenRecord,
  TokenStore,
  tokenHash,
  toToken,
} from './token-store.js';
