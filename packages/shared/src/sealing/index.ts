export { generateKeyPair, type KeyPair, keyIdOf, publicKeyOf } from './keys.js';
export { openSecrets, sealSecrets } from './seal.js';
export {
  algorithm as sealingAlgorithm,
  isSecretName,
  maxSealedBytes,
  maxSecretBytes,
  parseSealedSecrets,
  type SealedSecrets,
} from './sealed.js';
export { SecretBytes } from './secret-bytes.js';
