import type { Fleet } from '@slipway/simulator';

/** The Slipway that an attack runs against, and the tools of the attack. */
interface AttackTarget {
  readonly fleet: Fleet;
  /** The URL of the API. */
  readonly url: string;
  readonly port: number;
  /** A token of the tenant `hostile`, with every scope that a tenant can have. */
  readonly token: string;
  /** The payload secret of the installation. */
  readonly payloadSecret: string;
  /** The number of connections or requests that an attack opens, where it is configurable. */
  readonly count: number;
  /** True to skip the slow parts. */
  readonly quick: boolean;
  /** Aborted when all attacks but those in the background have ended. */
  readonly othersEnded: AbortSignal;
  readonly note: (text: string) => void;
  /** Creates another tenant. Resolves to a token for the tenant. */
  addTenant(options: NewTenant): Promise<string>;
}

export interface NewTenant {
  readonly name: string;
  /** The `limits` of `PUT /v1/tenants/{name}`. `source_bytes` has a default, because the stored bytes are compared with it. */
  readonly limits?: Readonly<Record<string, number>>;
}

export interface AttackResult {
  /** Counts that must be 0. The counts of several attacks under one name are added up. */
  readonly faults: Readonly<Record<string, number>>;
  /** Counts for information only. */
  readonly facts: Readonly<Record<string, number>>;
  /** Digests of sources that the API may have stored. Any other new file is a fault. */
  readonly mayBeStored?: readonly string[];
}

/** An attack on Slipway. A file of `attacks/` exports it, and a line of `attacks/index.ts` adds it. */
export interface Attack {
  readonly name: string;
  /** Runs beside all others, until `othersEnded`. Default false: attacks run one after the other. */
  readonly inBackground?: boolean;
  run(target: AttackTarget): Promise<AttackResult>;
}
