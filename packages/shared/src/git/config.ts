import type { Secret } from '../config/index.js';

export const gitSchemes = ['https', 'http', 'file'] as const;
export type GitScheme = (typeof gitSchemes)[number];

/** A private key and its uses. */
export interface SshKey {
  /** An absolute path. Only ssh reads the file. */
  readonly file: string;
  /** The public key, which identifies the pair. */
  readonly publicKey: string;
  readonly user: string;
  /** Tenants that may use the key; `*` means all. */
  readonly tenants: readonly string[];
  /** Allowed repositories: `owner/repository`, or `owner/*` for all below that folder; undefined means all. */
  readonly repositories: readonly string[] | undefined;
}

export interface SshHost {
  /** Host keys as `type base64`. */
  readonly hostKeys: readonly string[];
  readonly keys: readonly SshKey[];
}

/** Repositories that may be fetched, and the credentials for them. */
export interface GitConfig {
  readonly allowedSchemes: readonly GitScheme[];
  /** Allowed hosts: `host` or `host:port`; empty means any. */
  readonly allowedHosts: readonly string[];
  /** Values of the Authorization header by `host` or `host:port`. */
  readonly credentials: ReadonlyMap<string, Secret>;
  /** SSH hosts by `host` or `host:port`. Undefined if nothing is fetched over ssh. */
  readonly ssh?: ReadonlyMap<string, SshHost> | undefined;
  /** Milliseconds that one call of git may take. */
  readonly timeoutMs: number;
  /** Address space of each git process, in bytes; undefined means unlimited. */
  readonly memoryBytes?: number | undefined;
  /** The folder of repositories while they are fetched. */
  readonly workDir: string;
  /** Environment variables that git needs to reach the network; on a user's machine, all of them. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Set on a user's machine, where the user chose the repository. Git then reads the configuration of the user and the machine,
   * uses their credentials, and follows redirects over these protocols. Otherwise git reads no configuration.
   */
  readonly asUser?: { readonly protocols: readonly string[] } | undefined;
}
