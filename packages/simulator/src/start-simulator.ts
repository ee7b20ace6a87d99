import { setTimeout as sleep } from 'node:timers/promises';
import { Secret } from '@slipway/shared/config';
import { defaultHttpSettings } from '@slipway/shared/http';
import { runComponents } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import type { SimulatorConfig } from './config.js';
import type { FaultRules } from './faults/faults.js';
import { createSimulator } from './simulator.js';
import type { StatsSnapshot } from './stats/stats.js';

export interface SimulatorOptions {
  readonly payloadSecret: string;
  /** The address to listen on. Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: a free port. */
  readonly port?: number;
  /** Builds at once; 0, the default, means no limit. */
  readonly maxInflight?: number;
  /** Milliseconds that a build takes on average, and the deviation of the logarithm. Default 0: builds end at once. */
  readonly durations?: { readonly meanMs: number; readonly sigma: number };
  readonly faults?: FaultRules;
  /** Makes the simulator report that it supports build options. Default true. */
  readonly buildOptions?: boolean;
  /** Milliseconds that a build with an id goes on without a reader. Default 60,000; 0 makes it end with its connection. */
  readonly detachedMs?: number;
  /** Milliseconds that the result of a build with an id is kept. Default 300,000. */
  readonly resultMs?: number;
  readonly seed?: number;
  /** Action of the fault `exit`. Default: ends the process. */
  readonly exit?: () => void;
}

export interface Simulator {
  readonly url: string;
  stats(): Promise<StatsSnapshot>;
  setFaults(rules: FaultRules): Promise<void>;
  /** Lets running builds end first, for at most a second. */
  stop(): Promise<void>;
}

/** A simulated replica in this process, on a free port of 127.0.0.1 unless the options say otherwise. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { host = '127.0.0.1' } = options;
  const config: SimulatorConfig = {
    logLevel: 'fatal',
    shutdownGraceMs: 1_000,
    port: options.port ?? 0,
    bindHost: host,
    metricsPort: undefined,
    healthPort: undefined,
    http: defaultHttpSettings,
    payloadSecret: new Secret(options.payloadSecret),
    maxInflight: options.maxInflight ?? 0,
    seed: options.seed ?? 1,
    durations: { seed: 1, ...(options.durations ?? { meanMs: 0, sigma: 0 }) },
    faults: options.faults ?? [],
    buildOptions: options.buildOptions ?? true,
    detachedMs: options.detachedMs ?? 60_000,
    resultMs: options.resultMs ?? 300_000,
  };
  const logger = createLogger({ name: 'simulator', level: config.logLevel });
  const stopping = new AbortController();
  let running: Promise<void> = Promise.resolve();
  const port = await new Promise<number>((resolve, reject) => {
    const component = createSimulator({
      config,
      logger,
      exit: options.exit ?? (() => process.exit(1)),
      onListening: resolve,
    });
    running = runComponents([component], stopping.signal);
    running.catch(reject);
  });
  const url = `http://${host}:${port}`;
  return {
    url,
    stats: () => readStats(url),
    setFaults: (rules) => setFaults(url, rules),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Returns the counters of a simulator. */
export async function readStats(url: string): Promise<StatsSnapshot> {
  const answer = await reach(`${url}/stats`);
  return (await answer.json()) as StatsSnapshot;
}

const refusalsBorne = 50;
const askAgainMs = 100;

/** Fetches a URL of a simulator, with retries for five seconds: one that plays the fault `refuse` accepts no connection for a while. */
async function reach(url: string, init: RequestInit = {}): Promise<Response> {
  for (let refusals = 0; ; refusals++) {
    try {
      return await fetch(url, init);
    } catch (error) {
      const { code } = ((error as Error).cause ?? {}) as NodeJS.ErrnoException;
      if (code !== 'ECONNREFUSED' || refusals === refusalsBorne) throw error;
      await sleep(askAgainMs);
    }
  }
}

/** Replaces the faults of a simulator. */
export async function setFaults(url: string, rules: FaultRules): Promise<void> {
  const answer = await reach(`${url}/faults`, { method: 'POST', body: JSON.stringify(rules) });
  if (!answer.ok) throw new Error(`the simulator refused the faults: ${await answer.text()}`);
}

/** Has a simulator count from nothing again. */
export async function resetStats(url: string): Promise<void> {
  await fetch(`${url}/stats`, { method: 'DELETE' });
}
