export {
  type Builder,
  type Client,
  type ClientOptions,
  createClient,
  hasEnded,
  type Job,
  type JobPage,
  type JobSpec,
  type JobState,
  type ListJobsQuery,
  type Queue,
} from './client.js';
export { ApiError, ConnectionError, type FieldError } from './errors.js';
export type { LogLine } from './log.js';
export type { Archive, Source } from './upload.js';
