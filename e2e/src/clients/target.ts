/** A server of the Function Builder API, as a client's settings describe it. */
export interface Target {
  readonly url: string;
  /** A file. */
  readonly payloadSecret: string;
}
