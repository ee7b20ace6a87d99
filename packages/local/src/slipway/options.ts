import type { EngineName } from '@slipway/shared/contracts';
import type { ProcessExit } from '../process.js';

/** Options of a whole Slipway on this machine. */
export interface SlipwayOptions {
  /** Where its data, secrets and logs live; what is there from an earlier run is used again. Keep it short. */
  readonly dir: string;
  /** Port of the API. Default: a free port. */
  readonly port?: number;
  /** Port of the registry. Default: a free port. */
  readonly registryPort?: number;
  /** Builder replicas. Default 2. */
  readonly builders?: number;
  /** Builds at once on each replica. Default 2. */
  readonly slots?: number;
  /** Default 2. */
  readonly workers?: number;
  /** Default: a BuildKit daemon for each replica where one can be started, else a BuildKit that runs already, else buildah. */
  readonly engine?: EngineName;
  /** Milliseconds that each service gets to finish what it has in hand when stopped. Default 8,000. */
  readonly graceMs?: number;
  /** Settings of the services besides those that are decided here. */
  readonly env?: { readonly [service in ServiceName]?: Readonly<Record<string, string>> };
  /** Told of each part as soon as it has started. */
  readonly onPart?: (part: SlipwayPart) => void;
  /** Aborting it ends the start, and stops what has been started. */
  readonly signal?: AbortSignal;
}

export type ServiceName = 'api' | 'worker' | 'builder';

/** A process of the local Slipway. */
export interface SlipwayPart {
  /** `redis`, `registry`, `buildkitd 1`, `builder 1`, `api`, `worker 1` … */
  readonly name: string;
  /** Where it is reached: a URL, or `host:port`. */
  readonly address: string;
  readonly pid: number;
  readonly logFile: string;
}

/** A part that ended without being asked to. */
export interface PartFailure {
  readonly part: SlipwayPart;
  readonly exit: ProcessExit;
  /** The last lines it printed. */
  readonly lines: readonly string[];
}

export interface Slipway {
  readonly url: string;
  readonly token: string;
  /** Holds the token. */
  readonly tokenFile: string;
  /** `127.0.0.1:PORT`, the domain part of image references. */
  readonly registry: string;
  readonly engine: EngineName;
  readonly parts: readonly SlipwayPart[];
  /** Resolves when a part ends without being asked to; the others go on until `stop`. */
  readonly failed: Promise<PartFailure>;
  /** Stops all parts, in the reverse order of their start. Harmless when repeated. */
  stop(): Promise<void>;
}
