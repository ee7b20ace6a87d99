export { type LogBlobs, logBlobKey } from './blob.js';
export {
  formatPosition,
  type LogLine,
  type LogPosition,
  parsePosition,
  readLog,
  saveLostLog,
} from './reader.js';
export { LogWriter } from './writer.js';
