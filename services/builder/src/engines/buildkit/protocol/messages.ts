import {
  bigInteger,
  boolean,
  bytes,
  integer,
  message,
  nested,
  repeated,
  string,
  stringMap,
  timestamp,
  type ValueOf,
} from './protobuf.js';

/**
 * The messages of BuildKit's API that a build needs, with the fields that are used. Names and numbers are those of `moby.buildkit.v1`,
 * `moby.filesync.v1`, `moby.buildkit.secrets.v1`, `fsutil.types` and `grpc.health.v1`.
 */

export const empty = message({});

const exporter = message({ type: string(1), attrs: stringMap(2) });

const constraint = message({ key: string(1), value: string(2), condition: integer(3) });
const selector = message({
  identifier: string(1),
  matchType: integer(2),
  constraints: repeated(3, constraint),
});
const rule = message({ action: integer(1), selector: nested(2, selector) });
const sourcePolicy = message({ version: integer(1), rules: repeated(2, rule) });

export const solveRequest = message({
  ref: string(1),
  session: string(5),
  frontend: string(6),
  frontendAttrs: stringMap(7),
  cache: nested(8, empty),
  sourcePolicy: nested(12, sourcePolicy),
  exporters: repeated(13, exporter),
});
export type SolveRequest = Partial<ValueOf<typeof solveRequest>>;
export const solveResponse = message({ exporterResponse: stringMap(1) });

export const statusRequest = message({ ref: string(1) });
const vertex = message({
  digest: string(1),
  name: string(3),
  cached: boolean(4),
  started: timestamp(5),
  completed: timestamp(6),
  error: string(7),
});
const vertexStatus = message({
  id: string(1),
  vertex: string(2),
  current: integer(4),
  started: timestamp(7),
  completed: timestamp(8),
});
const vertexLog = message({ vertex: string(1), timestamp: timestamp(2), stream: integer(3), data: bytes(4) });
const vertexWarning = message({ short: bytes(3) });
export const statusResponse = message({
  vertexes: repeated(1, vertex),
  statuses: repeated(2, vertexStatus),
  logs: repeated(3, vertexLog),
  warnings: repeated(4, vertexWarning),
});
export type SolveStatus = ValueOf<typeof statusResponse>;
export type Vertex = ValueOf<typeof vertex>;
export type VertexStatus = ValueOf<typeof vertexStatus>;
export type VertexLog = ValueOf<typeof vertexLog>;

const buildkitVersion = message({ package: string(1), version: string(2) });
const worker = message({ id: string(1), labels: stringMap(2), version: nested(5, buildkitVersion) });
export const listWorkersResponse = message({ workers: repeated(1, worker) });

/** A piece of a byte stream in messages. */
export const dataField = 1;
export const bytesMessage = message({ data: bytes(dataField) });

export const credentialsRequest = message({ host: string(1) });
export const credentialsResponse = message({ username: string(1), secret: string(2) });

export const secretRequest = message({ id: string(1) });
export const secretResponse = message({ data: bytes(1) });

export const healthResponse = message({ status: integer(1) });

const fileStat = message({
  path: string(1),
  /** `fs.FileMode` of Go. */
  mode: integer(2),
  size: integer(5),
  /** In nanoseconds since 1970. */
  modified: bigInteger(6),
  linkTarget: string(7),
});
export type FileStat = ValueOf<typeof fileStat>;
export const packet = message({
  type: integer(1),
  stat: nested(2, fileStat),
  id: integer(3),
  data: bytes(4),
});
export const packetTypes = { stat: 0, request: 1, data: 2, end: 3, error: 4 } as const;
