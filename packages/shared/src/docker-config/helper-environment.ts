/** Of the clouds whose helpers are common: static keys, roles of pods, files with tokens, regions. */
const cloudPrefixes = ['AWS_', 'GOOGLE_', 'CLOUDSDK_', 'AZURE_'];

/** Settings of ours that hold secrets, or the files of some. */
const ownSecrets =
  /^(PAYLOAD_SECRET|BUILD_SECRETS_|API_TOKEN|REDIS_|TENANTS_|WEBHOOK_|GIT_CREDENTIALS|BLOB_STORE|payload_secret|build_secrets_)/;

interface HelperEnvironmentOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** As `helperVariables` parses them. */
  readonly extra: readonly string[];
}

/** Returns what credential helpers get of an environment: the variables of AWS, Google and Azure, and those that `extra` names. */
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

/** Parses `CREDENTIAL_HELPER_ENV`: names of variables and prefixes that end in `*`, with commas between. Throws an Error that names a bad item. */
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
