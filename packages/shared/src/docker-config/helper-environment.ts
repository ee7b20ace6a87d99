/** Prefixes of the variables of common cloud helpers: static keys, roles of pods, files with tokens, regions. */
const cloudPrefixes = ['AWS_', 'GOOGLE_', 'CLOUDSDK_', 'AZURE_'];

/** Slipway settings that hold secrets, or paths of files with secrets. */
const ownSecrets =
  /^(PAYLOAD_SECRET|BUILD_SECRETS_|API_TOKEN|REDIS_|TENANTS_|WEBHOOK_|GIT_CREDENTIALS|BLOB_STORE|payload_secret|build_secrets_)/;

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
