import type { Secret } from '../config/index.js';
import type { BuilderConfig } from '../contracts/index.js';
import type { SourceStore } from './source-store.js';

export interface PayloadLayer {
  readonly digest: string;
  /** The folder of the payload that it is laid at: `context`, or one below it. */
  readonly at: string;
}

export interface PayloadOptions {
  readonly sources: SourceStore;
  /** A path of a later layer shadows the same path of an earlier one. */
  readonly layers: readonly PayloadLayer[];
  readonly config: BuilderConfig;
  /** `com.openfaas.secrets`, sealed. */
  readonly secrets?: Uint8Array;
}

/** The body of a `POST /build` (protocol.md). The same options give the same bytes, however often they are asked for. */
export interface Payload {
  /** Bytes. */
  readonly length: number;
  /** `sha256=<hex>`, the value of X-Build-Signature. */
  sign(secret: Secret, options?: { signal?: AbortSignal }): Promise<string>;
  stream(): AsyncIterable<Uint8Array>;
}
