import { join } from 'node:path';
import { startRegistry, temporaryFolder } from '@slipway/local';
import { type EngineName, openEngine, toolEnv } from './engines.js';
import { type StartedService, startService } from './start-service.js';

export interface EngineService extends StartedService {
  /** All that the engine keeps. */
  readonly engineFolder: string;
}

export interface ServicesOnEngines {
  /** `host:port` of the registry that they push to. */
  readonly registry: string;
  /** Starts another service, on an engine of its own with an empty cache. */
  start(env?: Readonly<Record<string, string>>): Promise<EngineService>;
  stop(): Promise<void>;
}

/** Whole services on real engines, and a registry. */
export async function servicesOn(
  name: EngineName,
  { mirrors = {} }: { readonly mirrors?: Readonly<Record<string, string>> } = {},
): Promise<ServicesOnEngines> {
  const folder = await temporaryFolder();
  const registry = await startRegistry({ dir: join(folder.path, 'registry') });
  const stops: (() => Promise<void>)[] = [];
  return {
    registry: registry.host,
    start: async (env = {}) => {
      const dir = join(folder.path, `engine-${stops.length}`);
      const opened = await openEngine({ name, dir, insecureRegistries: [registry.host], mirrors });
      stops.unshift(() => opened.close());
      const service = await startService({
        env: { ...toolEnv(), ...opened.settings, INSECURE_REGISTRIES: registry.host, ...env },
      });
      stops.unshift(() => service.stop());
      return { ...service, engineFolder: dir };
    },
    stop: async () => {
      for (const stop of stops) await stop();
      await registry.stop();
      await folder.remove();
    },
  };
}
