export {
  type Fields,
  fieldsOf,
  listField,
  numberField,
  objectField,
  optionalTimeField,
  timeField,
  wordField,
} from './fields.js';
export { readPage } from './page.js';
export {
  CountedFaults,
  isWrongType,
  noRecordFaults,
  ofTenant,
  onlyReadable,
  type RecordFaults,
  readRecord,
  readRecords,
  schemaVersions,
  UnreadableRecord,
} from './records.js';
