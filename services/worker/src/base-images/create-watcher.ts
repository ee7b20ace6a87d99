import type { Cell } from '@slipway/control-plane/cell';
import { BaseWatch } from '@slipway/control-plane/functions';
import { TenantStore } from '@slipway/control-plane/tenants';
import type { Fields } from '@slipway/shared/config';
import type { Allowlist } from '@slipway/shared/egress';
import type { Cleanups } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import type { Registry } from '@slipway/shared/metrics';
import { RegistryClient } from '../registry/client.js';
import type { RegistryConfig } from '../registry/config.js';
import { Reach } from '../registry/reach.js';
import { createWatchMetrics } from './metrics.js';
import { surveyBases } from './survey.js';
import { BaseWatcher } from './watcher.js';

export interface BaseWatchConfig {
  /** Seconds between two checks of a base image; 0 for none. */
  readonly baseImageCheckSeconds: number;
}

export function baseWatchConfig(fields: Fields): BaseWatchConfig {
  return {
    baseImageCheckSeconds: fields.int('BASE_IMAGE_CHECK_SECONDS', {
      doc: 'Seconds between two checks of a [base image](../bulk.md#watched-base-images) at its registry, ±10 %. 0 for none',
      default: 600,
      max: 7 * 24 * 3600,
    }),
  };
}

interface CreateWatcherOptions {
  readonly cell: Cell;
  readonly config: BaseWatchConfig & {
    readonly registries: RegistryConfig;
    readonly egressAllow: Allowlist;
  };
  readonly registry: Registry;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
}

/** Creates the task of the leader that watches base images; undefined if the settings switch it off. */
export function createBaseWatcher(options: CreateWatcherOptions): BaseWatcher | undefined {
  const { cell, config, registry, logger, cleanups } = options;
  const { redis, keys, now, faults } = cell;
  const intervalMs = config.baseImageCheckSeconds * 1_000;
  const metrics = createWatchMetrics(registry);
  if (intervalMs === 0) return undefined;
  const reach = new Reach({ allow: config.egressAllow });
  cleanups.defer('connections to registries', () => reach.close());
  const tenants = new TenantStore({ redis, keys, faults });
  return new BaseWatcher({
    survey: () => surveyBases({ redis, keys, faults, tenants }),
    watch: new BaseWatch({ redis, keys, pauseMs: Math.min(10_000, intervalMs) }),
    client: new RegistryClient({ registries: config.registries, reach }),
    ...{ metrics, intervalMs, now, logger },
  });
}
