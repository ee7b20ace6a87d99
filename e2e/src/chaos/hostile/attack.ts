import type { Fleet } from '@slipway/simulator';

/** What an attack gets to work with. */
interface AttackTarget {
  readonly fleet: Fleet;
  /** Of the API. */
  readonly url: string;
  readonly port: number;
  /** Of the tenant `hostile`, with every scope that a tenant can have. */
  readonly token: string;
  /** Of the installation. */
  readonly payloadSecret: string;
  /** How many connections or requests an attack opens, where that is counted. */
  readonly count: number;
  /** Whether to leave out what takes long. */
  readonly quick: boolean;
  /** Aborted when all attacks but those in the background have ended. */
  readonly othersEnded: AbortSignal;
  readonly note: (text: string) => void;
  /** Makes another tenant. Resolves with a token for it. */
  addTenant(options: NewTenant): Promise<string>;
}

export interface NewTenant {
  readonly name: string;
  /** As `limits` of `PUT /v1/tenants/{name}`. `source_bytes` has a default: what is stored is compared with it. */
  readonly limits?: Readonly<Record<string, number>>;
}

export interface AttackResult {
  /** What must be 0. Several attacks may count under one name: the counts are added up. */
  readonly faults: Readonly<Record<string, number>>;
  /** What is good to know. */
  readonly facts: Readonly<Record<string, number>>;
  /** Digests of sources that the API may have stored. Any other new file is a fault. */
  readonly mayBeStored?: readonly string[];
}

/** One way to harm a Slipway. A file of `attacks/` exports it, and a line of `attacks/index.ts` adds it. */
export interface Attack {
  readonly name: string;
  /** Runs beside all others, until `othersEnded`. Default false: attacks run one after the other. */
  readonly inBackground?: boolean;
  run(target: AttackTarget): Promise<AttackResult>;
}
