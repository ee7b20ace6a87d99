import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Fields } from '../config/index.js';
import { parseImageReference } from '../contracts/index.js';

/** Prefixes of the variables of common cloud helpers: static keys, roles of pods, files with tokens, regions. */
const cloudPrefixes = ['AWS_', 'GOOGLE_', 'CLOUDSDK_', 'AZURE_'];

/** Slipway settings that hold secrets, or paths of files with secrets. */
const ownSecrets =
  /^(PAYLOAD_SECRET|BUILD_SECRETS_|API_TOKEN|REDIS_|TENANTS_|WEBHOOK_|GIT_CREDENTIALS|BLOB_STORE|payload_secret|build_secrets_)/;

/** The registries that a service uses, and the credentials for them. */
export interface RegistrySettings {
  /** `host[:port]`, in lower case; `*` means all. */
  readonly insecureRegistries: readonly string[];
  /** The folder of `config.json`, with registry credentials. */
  readonly dockerConfig: string;
  /** Names and prefixes (`VAULT_*`) of variables that credential helpers get besides those of the clouds. */
  readonly credentialHelperEnv: readonly string[];
}

export function registrySettings(fields: Fields): RegistrySettings {
  return {
    insecureRegistries: insecureRegistries(fields),
    dockerConfig: fields.string('DOCKER_CONFIG', {
      doc: 'The folder of `config.json`, with the registry credentials. Read again for each build, and for each image that [pools](builders.md#pools) built together',
      shownDefault: '`~/.docker`',
      default: join(homedir(), '.docker'),
    }),
    credentialHelperEnv:
      fields.optionalParsed('CREDENTIAL_HELPER_ENV', {
        doc: 'Comma-separated names and prefixes (`VAULT_*`) that [credential helpers](builders.md#credential-helpers) get besides `AWS_*`, `GOOGLE_*`, `CLOUDSDK_*`, `AZURE_*`',
        parse: helperVariables,
      }) ?? [],
  };
}

/** Returns the registries of `INSECURE_REGISTRIES`, which may be spoken to over plain HTTP: `host[:port]` in lower case, or `*` for all. */
function insecureRegistries(fields: Fields): readonly string[] {
  const hosts = fields.list('INSECURE_REGISTRIES', {
    doc: 'Comma-separated `host[:port]` over plain HTTP. `localhost`, 127.0.0.0/8 and `[::1]` are one machine, so `127.0.0.1:5000` allows `localhost:5000`',
  });
  for (const host of hosts) {
    if (host !== '*' && parseImageReference(`${host}/x`)?.domain !== host)
      fields.problems.push(`INSECURE_REGISTRIES holds '${host}', which is no host[:port]`);
  }
  return hosts.map((host) => host.toLowerCase());
}

interface HelperEnvironmentOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The parsed value of `CREDENTIAL_HELPER_ENV`; see `helperVariables`. */
  readonly extra: readonly string[];
}

/** Returns the environment of credential helpers: the variables of AWS, Google and Azure, and those that `extra` names. */
export function helperEnvironment({ env, extra }: HelperEnvironmentOptions): Record<string, string> {
  const isWanted = (name: string) =>
    cloudPrefixes.some((prefix) => name.startsWith(prefix)) ||
    extra.some((item) => (item.endsWith('*') ? name.startsWith(item.slice(0, -1)) : name === item));
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && isWanted(name) && !ownSecrets.test(name) ? [[name, value]] : [],
    ),
  );
}

/** Parses `CREDENTIAL_HELPER_ENV`: comma-separated names of variables, or prefixes that end in `*`. Throws an Error that names a bad item. */
export function helperVariables(raw: string): string[] {
  const items = raw
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  for (const item of items) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*\*?$/.test(item))
      throw new Error(`holds '${item}', which is neither a variable nor a prefix such as VAULT_*`);
    if (ownSecrets.test(item)) throw new Error(`holds '${item}', which is a secret of Slipway`);
  }
  return items;
}
