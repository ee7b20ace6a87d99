export { formatSignature, payloadHmac, signatureHeader, signatureMatches } from './hmac.js';
export { deriveKey, seal, unseal } from './seal.js';
export { signWebhook, webhookSecret } from './webhook.js';
