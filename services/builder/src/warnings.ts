import type { BuilderServiceConfig } from './config.js';
import type { BuildEngine } from './engines/engine.js';

interface WarningOptions {
  readonly config: Pick<BuilderServiceConfig, 'payloadSecret' | 'insecureRegistries'>;
  readonly engine: Pick<BuildEngine, 'warnings'>;
}

/** Returns warnings about dangerous settings. The service logs them at start, and readiness lists them while it runs. */
export function warningsOf({ config, engine }: WarningOptions): string[] {
  const { payloadSecret, insecureRegistries } = config;
  return [
    ...(payloadSecret === undefined
      ? [
          'DISABLE_HMAC is on: signatures are not checked, so every client that reaches this port can build and push',
        ]
      : []),
    ...(insecureRegistries.includes('*') ? ['every registry may be spoken to over plain http'] : []),
    ...engine.warnings,
  ];
}
