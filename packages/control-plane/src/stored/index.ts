export { readStoredBytes, storedQuotaExceeded } from './quota.js';
export { readStored } from './read.js';
export {
  basesOf,
  type SharedMaps,
  type SharedValues,
  type StoredSpec,
  sharedOfPart,
  sharedValue,
  sharedValuesFrom,
  storedSpec,
  valueBytes,
  wholeSpec,
} from './shared-values.js';
