export { type LogBlobs, logBlobKey, logKeys } from './blob.js';
export {
  formatPosition,
  type LogLine,
  type LogPosition,
  parsePosition,
  readLog,
  saveLostLog,
} from './reader.js';
export { readStoredLog, type StoredLog } from './stored.js';
export { noteSavedLog, noteUnsavedLog, unsavedLogs } from './unsaved.js';
export { LogWriter } from './writer.js';
