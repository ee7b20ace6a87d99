export { formatSignature, payloadHmac, signatureHeader, signatureMatches } from './hmac.js';
