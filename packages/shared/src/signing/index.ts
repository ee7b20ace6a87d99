export {
  type BuildCall,
  callSignatureHeader,
  isCallTimely,
  signBuildCall,
  verifyBuildCall,
} from './build-call.js';
export { formatSignature, isSignature, payloadHmac, signatureHeader, signatureMatches } from './hmac.js';
export { type Resealed, resealFields, type SealedField } from './reseal.js';
export { deriveKey, deriveKeys, reseal, type SealingKey, seal, unseal } from './seal.js';
export { signWebhook, webhookSecrets } from './webhook.js';
