import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ConfigError, Secret } from '@slipway/shared/config';
import {
  defaultTenantName,
  type Scope,
  type TenantSettings,
  type TenantsFile,
  tenantsFileSchema,
} from '@slipway/shared/contracts';
import { parse } from 'yaml';
import { fieldErrors } from '../http/validate.js';

/** A tenant of the tenants file, with its secrets read. Times are milliseconds since the epoch. */
export interface FileTenant {
  readonly name: string;
  readonly settings: TenantSettings;
  readonly tokens: readonly {
    readonly hash: string;
    readonly description: string;
    readonly scopes: readonly Scope[];
    readonly expiresAt: number | undefined;
  }[];
  readonly payloadSecrets: readonly Secret[];
}

export interface ReadFile {
  readonly tenants: readonly FileTenant[];
  /** Changes when anything in the file, or in the files that it names, changes. */
  readonly fingerprint: string;
}

/** Limit of reported errors; a file in another format has many. */
const shownErrors = 10;

/** The limit of stored payload secrets per installation. */
const maxPayloadSecrets = 32;

/**
 * Reads the tenants file, YAML or JSON, and the secret files that it names, relative to its folder. Rejects with a `ConfigError`
 * that names the file, the place and the problem.
 */
export async function readTenantsFile(path: string): Promise<ReadFile> {
  const refuse = refusal(path);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw refuse([`it cannot be read: ${error.code}`]);
  });
  const fingerprint = createHash('sha256').update(text);
  const tenants: FileTenant[] = [];
  for (const { tokens, payload_secret_files: files, name, ...settings } of parseTenantsFile(path, text)) {
    const payloadSecrets: Secret[] = [];
    for (const [at, file] of files.entries()) {
      const where = `/tenants/${tenants.length}/payload_secret_files/${at}`;
      const secret = await readFile(resolve(dirname(path), file), 'utf8').catch(
        (error: NodeJS.ErrnoException) => {
          throw refuse([`${where}: ${file} cannot be read: ${error.code}`]);
        },
      );
      if (secret.trim() === '') throw refuse([`${where}: ${file} is empty`]);
      const others = [...tenants.flatMap((tenant) => tenant.payloadSecrets), ...payloadSecrets];
      if (others.some((other) => other.reveal() === secret.trim())) {
        throw refuse([`${where}: ${file} holds the same secret as another file`]);
      }
      if (others.length >= maxPayloadSecrets) {
        throw refuse([`${where}: no more than ${maxPayloadSecrets} payload secrets are allowed`]);
      }
      payloadSecrets.push(new Secret(secret.trim()));
      fingerprint.update(`\0${secret}`);
    }
    tenants.push({
      name,
      settings,
      tokens: tokens.map(({ sha256, description, scopes, expires_at }) => ({
        ...{ hash: sha256, description, scopes: [...new Set(scopes)] },
        expiresAt: expires_at === undefined ? undefined : Date.parse(expires_at),
      })),
      payloadSecrets,
    });
  }
  return { tenants, fingerprint: fingerprint.digest('hex') };
}

function parseTenantsFile(path: string, text: string): TenantsFile['tenants'] {
  const refuse = refusal(path);
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw refuse([(error as Error).message]);
  }
  const result = tenantsFileSchema.safeParse(value);
  if (!result.success) {
    throw refuse(
      fieldErrors(result.error, value).map(({ path: at, message }) => `${at || 'it'}: ${message}`),
    );
  }
  const { tenants } = result.data;
  const problems: string[] = [];
  const hashes = new Set<string>();
  for (const [at, { name, tokens }] of tenants.entries()) {
    for (const [number, { sha256, scopes }] of tokens.entries()) {
      const where = `/tenants/${at}/tokens/${number}`;
      if (hashes.has(sha256)) problems.push(`${where}/sha256: is the same as that of another token`);
      hashes.add(sha256);
      if (name !== defaultTenantName && scopes.includes('admin')) {
        problems.push(`${where}/scopes: admin is for tokens of ${defaultTenantName} alone`);
      }
    }
  }
  if (problems.length > 0) throw refuse(problems);
  return tenants;
}

const refusal = (path: string) => (problems: readonly string[]) => {
  const shown = problems.slice(0, shownErrors);
  const more = problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : [];
  return new ConfigError(
    `the tenants file ${path} (TENANTS_FILE) cannot be used:\n  ${[...shown, ...more].join('\n  ')}`,
  );
};
