import type { Fields } from '@slipway/shared/config';
import { type EngineName, engineNames } from '@slipway/shared/contracts';
import { buildah } from './buildah/definition.js';
import { buildkit } from './buildkit/definition.js';
import type { ConfiguredEngine, EngineDefinition } from './engine.js';

/** The build engines. ENGINE=auto tries them in the order of `engineNames`. */
export const engines: Readonly<Record<EngineName, EngineDefinition>> = { buildkit, buildah };

export interface EngineConfig {
  readonly engine: 'auto' | EngineName;
  /** All engines, because ENGINE=auto may take each of them. */
  readonly engines: Readonly<Record<EngineName, ConfiguredEngine>>;
}

/** Reads ENGINE and the settings of all engines. */
export function engineConfig(fields: Fields): EngineConfig {
  const configured = engineNames.map((name) => [name, engines[name].configure(fields)] as const);
  return {
    engine: fields.oneOf('ENGINE', {
      doc: '`buildkit`, `buildah`, or `auto`: BuildKit if it answers within 10 s, otherwise buildah if it may run',
      values: ['auto', ...engineNames],
      default: 'auto',
    }),
    engines: Object.fromEntries(configured) as Record<EngineName, ConfiguredEngine>,
  };
}
