import { isLoopbackRegistry } from '@slipway/shared/registry-hosts';
import type { BuilderServiceConfig } from './config.js';
import type { BuildEngine } from './engines/engine.js';

interface WarningOptions {
  readonly config: Pick<
    BuilderServiceConfig,
    'payloadSecret' | 'keyRing' | 'buildkitHost' | 'insecureRegistries'
  >;
  readonly engine: Pick<BuildEngine, 'name' | 'warnings'>;
}

/** Returns warnings about dangerous settings. The service logs them at start, and readiness lists them while it runs. */
export function warningsOf({ config, engine }: WarningOptions): string[] {
  const { payloadSecret, keyRing, buildkitHost, insecureRegistries } = config;
  const [, scheme, host = ''] = /^(\w+):\/\/(.*)$/.exec(buildkitHost) ?? [];
  return [
    ...(payloadSecret === undefined
      ? [
          'DISABLE_HMAC is on: signatures are not checked, so every client that reaches this port can build and push',
        ]
      : []),
    ...(keyRing && engine.name === 'buildkit' && scheme === 'tcp' && !isLoopbackRegistry(host)
      ? ['build secrets go to BuildKit over a network connection that is not encrypted']
      : []),
    ...(insecureRegistries.includes('*') ? ['every registry may be spoken to over plain http'] : []),
    ...engine.warnings,
  ];
}
