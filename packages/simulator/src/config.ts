import {
  type CommonConfig,
  commonConfig,
  type Env,
  graceForBuilds,
  readEnv,
  type Secret,
} from '@slipway/shared/config';
import type { DurationOptions } from './builds/duration.js';
import { type FaultRules, faultRulesSchema } from './faults/faults.js';

export interface SimulatorConfig extends CommonConfig {
  readonly payloadSecret: Secret;
  /** Builds at once; 0 means no limit, as in the chart of pro-builder. */
  readonly maxInflight: number;
  /** Seed of the random draws of faults. */
  readonly seed: number;
  readonly durations: DurationOptions;
  readonly faults: FaultRules;
  /** Makes the simulator report that it supports build options. Other builders do not. */
  readonly buildOptions: boolean;
  /** As of Slipway's builder: milliseconds that a build with an id goes on without a reader. 0: such builds end with their connection. */
  readonly detachedMs: number;
  /** Milliseconds that the result of a build with an id is kept. */
  readonly resultMs: number;
}

const longestBuildMs = 30 * 60_000;

export function loadConfig(env: Env): SimulatorConfig {
  return readEnv(env, (fields) => ({
    // As Slipway's builder: stopped, it lets long builds end too.
    ...commonConfig(fields, { port: 8081, shutdownGraceMs: graceForBuilds(longestBuildMs) }),
    payloadSecret: fields.secret('PAYLOAD_SECRET'),
    maxInflight: fields.int('MAX_INFLIGHT', { default: 0 }),
    seed: fields.int('SEED', { default: 1 }),
    durations: {
      meanMs: fields.optionalParsed('BUILD_MS_MEAN', { parse: number }) ?? 0,
      sigma: fields.optionalParsed('BUILD_MS_SIGMA', { parse: number }) ?? 0,
      seed: fields.int('BUILD_MS_SEED', { default: 1 }),
    },
    buildOptions: fields.bool('BUILD_OPTIONS', { default: true }),
    detachedMs: fields.int('DETACHED_BUILD_MS', { default: 60_000 }),
    resultMs: fields.int('BUILD_RESULT_MS', { default: 300_000 }),
    faults:
      fields.optionalParsed('FAULTS', { parse: (raw) => faultRulesSchema.parse(JSON.parse(raw)) }) ?? [],
  }));
}

function number(raw: string): number {
  const value = Number(raw);
  if (!Number.isFinite(value) || value < 0) throw new Error(`must be a number from 0, not '${raw}'`);
  return value;
}
