import type { Env, Fields } from '@slipway/shared/config';
import { helperEnvironment, registrySettings } from '@slipway/shared/docker-config';

export interface RegistryConfig {
  /** `host[:port]` of registries that are spoken to over plain http; `*` stands for all. */
  readonly insecureRegistries: readonly string[];
  /** The folder of a Docker config. */
  readonly dockerConfig: string;
  /** The environment of credential helpers. */
  readonly helperEnv: Readonly<Record<string, string>>;
}

/** Returns the registries and the credentials for joined images. Credential helpers find their programs in the `PATH` of `env`. */
export function registryConfig(fields: Fields, env: Env): RegistryConfig {
  const { credentialHelperEnv, ...settings } = registrySettings(fields);
  const extra = ['PATH', 'HOME', ...credentialHelperEnv];
  return { ...settings, helperEnv: helperEnvironment({ env, extra }) };
}
