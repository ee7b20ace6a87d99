/** A server of the Function Builder API, as clients are told of it. */
export interface Target {
  readonly url: string;
  /** A file. */
  readonly payloadSecret: string;
}
