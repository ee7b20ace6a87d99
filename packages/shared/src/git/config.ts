import type { Secret } from '../config/index.js';

export const gitSchemes = ['https', 'http', 'file'] as const;
export type GitScheme = (typeof gitSchemes)[number];

/** A private key, and for what it may be used. */
export interface SshKey {
  /** An absolute path. Only ssh reads the file. */
  readonly file: string;
  /** What makes two keys the same. */
  readonly publicKey: string;
  readonly user: string;
  /** `*` means all tenants. */
  readonly tenants: readonly string[];
  /** `owner/repository`, or `owner/*` for all below that folder; all repositories if undefined. */
  readonly repositories: readonly string[] | undefined;
}

export interface SshHost {
  /** Each is `type base64`. */
  readonly hostKeys: readonly string[];
  readonly keys: readonly SshKey[];
}

/** What repositories may be fetched, and with what. */
export interface GitConfig {
  readonly allowedSchemes: readonly GitScheme[];
  /** `host` or `host:port`; empty means any. */
  readonly allowedHosts: readonly string[];
  /** By `host` or `host:port`: the value of the Authorization header. */
  readonly credentials: ReadonlyMap<string, Secret>;
  /** By `host` or `host:port`. Undefined where nothing is fetched over ssh. */
  readonly ssh?: ReadonlyMap<string, SshHost> | undefined;
  /** Of one call of git. */
  readonly timeoutMs: number;
  /** Address space of each process of git, in bytes. Unlimited unless given. */
  readonly memoryBytes?: number | undefined;
  /** Where repositories lie while they are fetched. */
  readonly workDir: string;
  /** What git needs of the environment to reach the network; for a user, all that is theirs. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Given on the machine of a user, who chose the repository: git reads the configuration of the user and the machine, uses their credentials, and follows
   * redirects, over these protocols alone. Otherwise git reads no configuration.
   */
  readonly asUser?: { readonly protocols: readonly string[] } | undefined;
}
