import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findTool } from '@slipway/local';

export const root = fileURLToPath(new URL('../../..', import.meta.url));

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly dockerfile: string; readonly target: string };
  readonly profiles?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart?: string;
  /** The text in the file, such as `45m`. */
  readonly stop_grace_period?: string;
  readonly logging?: { readonly driver: string; readonly options: Readonly<Record<string, string>> };
  readonly networks: Readonly<Record<string, unknown>>;
  readonly read_only?: boolean;
  readonly tmpfs?: readonly string[];
  readonly user?: string;
  /** The text in the file; see `bytes`. */
  readonly mem_limit?: string;
  readonly pids_limit?: number;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly deploy?: { readonly replicas?: number };
  readonly ports?: readonly {
    readonly host_ip?: string;
    readonly published: string;
    readonly target: number;
  }[];
  readonly secrets?: readonly { readonly source: string; readonly target: string }[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly volumes?: readonly { readonly type: string; readonly source: string; readonly target: string }[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string; readonly restart?: boolean }>>;
}

export interface ComposeModel {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly configs: Readonly<Record<string, { readonly file?: string }>>;
  readonly secrets: Readonly<Record<string, { readonly file?: string }>>;
}

/** Returns the bytes of a memory limit like `256m` or `2g`. */
export function bytes(limit: string | undefined): number {
  const [, number = '', unit = ''] = /^(\d+)([mg])$/.exec(limit ?? '') ?? [];
  if (number === '') throw new Error(`'${limit}' is no limit in m or g`);
  return Number(number) * 1024 ** (unit === 'g' ? 3 : 2);
}

/** True when suites that read a compose file run. Always true in CI. */
export const canUseCompose = Boolean(process.env.CI) || findTool('compose-spec') !== undefined;

/**
 * Reads a compose file with the reference implementation of the Compose Specification, which checks it against the
 * specification's schema and fills it in as `docker compose config` does. Rejects with the reason.
 */
export async function readCompose(file: string): Promise<ComposeModel> {
  const command = findTool('compose-spec');
  if (command === undefined) throw new Error('compose-spec is not installed');
  const { stdout } = await promisify(execFile)(command, ['--format', 'json', file], { cwd: root });
  return JSON.parse(stdout);
}
