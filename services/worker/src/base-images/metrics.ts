import type { ErrorCode } from '@slipway/shared/errors';
import { Counter, Gauge, type Registry } from '@slipway/shared/metrics';
import type { Comparison } from './compare.js';

export interface WatchMetrics {
  checked(outcome: Comparison | ErrorCode): void;
  watched(count: number): void;
}

export function createWatchMetrics(registry: Registry): WatchMetrics {
  const registers = [registry];
  const checks = new Counter({
    name: 'slipway_base_image_checks_total',
    help: 'Checks of base images at their registries, by outcome: unchanged, changed, same, first, or the code of the error',
    labelNames: ['outcome'],
    registers,
  });
  for (const outcome of ['unchanged', 'changed', 'same', 'first'] as const) checks.inc({ outcome }, 0);
  const watched = new Gauge({
    name: 'slipway_base_images_watched',
    help: 'Base images that this worker watches as the leader',
    registers,
  });
  return { checked: (outcome) => checks.inc({ outcome }), watched: (count) => watched.set(count) };
}
