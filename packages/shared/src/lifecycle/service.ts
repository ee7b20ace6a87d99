import { setMaxListeners } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { ConfigError, type TracingConfig } from '../config/index.js';
import { createLogger, type Logger } from '../logger/index.js';
import { openTracing, type Tracing } from '../tracing/index.js';
import { Cleanups } from './cleanups.js';

/** A long-lived part of a process. `run` ends when `signal` is aborted and its running work has finished. */
export interface Component {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/** Runs a component until `signal` is aborted. Rejects if it fails or ends before. */
async function runUntilStopped(component: Component, signal: AbortSignal): Promise<void> {
  await component.run(signal);
  if (!signal.aborted) throw new Error(`${component.name} ended before it was stopped`);
}

/** Runs components until `signal` is aborted or one of them fails, which stops the others. Rejects with the first failure, after all have ended. */
export async function runComponents(components: readonly Component[], signal: AbortSignal): Promise<void> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  // Each component listens, some more than once, so this number is not a leak.
  setMaxListeners(0, both);
  const failures: unknown[] = [];
  await Promise.all(
    components.map(async (component) => {
      try {
        await runUntilStopped(component, both);
      } catch (error) {
        failures.push(error);
        stop.abort();
      }
    }),
  );
  if (failures.length > 0) throw failures[0];
}

interface StopInOrderOptions {
  readonly name: string;
  /** Stopped at the signal. */
  readonly first: readonly Component[];
  /** Stopped once all of `first` have ended, which depend on them. */
  readonly last: readonly Component[];
}

/** Returns a component that stops components in two steps, also when one of them fails. */
export function stopInOrder({ name, first, last }: StopInOrderOptions): Component {
  return {
    name,
    async run(signal) {
      const failed = new AbortController();
      const ended = new AbortController();
      setMaxListeners(0, ended.signal);
      const stop = AbortSignal.any([signal, failed.signal]);
      const outcomes = await Promise.allSettled([
        runComponents(first, stop).finally(() => ended.abort()),
        ...last.map((component) =>
          runUntilStopped(component, ended.signal).finally(() => {
            if (!ended.signal.aborted) failed.abort();
          }),
        ),
      ]);
      const fault = outcomes.find(({ status }) => status === 'rejected');
      if (fault?.status === 'rejected') throw fault.reason;
    },
  };
}

interface ReserveOptions {
  readonly graceMs: number;
  /** Milliseconds that the end of the work takes: to report it, and to close what is open. */
  readonly reserveMs: number;
}

/** The share of a short grace time for work. */
const workShare = 0.7;

/** Returns the milliseconds of a grace time for work that runs: all but the reserve, and at least 70 %. */
export const timeForWork = ({ graceMs, reserveMs }: ReserveOptions) =>
  Math.max(graceMs - reserveMs, graceMs * workShare);

interface ServiceConfig {
  readonly logLevel: string;
  readonly shutdownGraceMs: number;
  readonly tracing?: TracingConfig | undefined;
}

/**
 * Milliseconds after the clean-up in which Node.js may end the process. After that, only uncancelable work keeps it alive, such as
 * a queue of name lookups without a DNS answer.
 */
const lingerMs = 1_000;

/** The share of the grace time that the export of the last spans may take, and its limit in milliseconds. */
const flushShare = 0.1;
const flushAtMostMs = 2_500;

const usualEndingMs = 25_000;
/** Milliseconds between two looks for a reason to end early. */
const lookEveryMs = 250;

interface IdleOptions {
  readonly isBusy: () => boolean;
  /** Milliseconds. */
  readonly forMs: number;
}

/** Calls back once the process has not been busy for a while. Does not keep the process alive. */
function whenIdle({ isBusy, forMs }: IdleOptions, callback: () => void): void {
  const timer = setTimeout(callback, forMs).unref();
  setInterval(() => {
    if (isBusy()) timer.refresh();
  }, forMs / 20).unref();
}

/** The dependencies of a service, which the process creates. */
export interface ServiceDeps<C> {
  readonly config: C;
  readonly logger: Logger;
  readonly cleanups: Cleanups;
  /** Off by default. */
  readonly tracing?: Tracing;
  /**
   * Registers a count of the work that the grace time is for. Once all counts of a stopping process have been 0 for 25 seconds, it ends, whatever
   * it waits for, such as a Redis that is gone. A service without a count has the whole grace time.
   */
  readonly countWork?: (count: () => number) => void;
  /** Registers a reason for which a stopping process ends at once, with its work undone. Undefined: it goes on. */
  readonly endEarly?: (reason: () => string | undefined) => void;
}

interface ServiceOptions<C extends ServiceConfig> {
  readonly name: string;
  readonly loadConfig: (env: NodeJS.ProcessEnv) => C;
  readonly create: (deps: Required<ServiceDeps<C>>) => Promise<Component[]> | Component[];
  /** Milliseconds without work until a stopping process ends. Default 25,000. */
  readonly endingMs?: number;
}

/**
 * Keeps V8's optimizing compiler away from WebAssembly. The HTTP parser of undici is one: at some request, its optimization takes 40 MB and
 * up to two seconds of processor time, and saves less than it costs. Call this before the first request.
 */
export function limitWasmCompiler(): void {
  setFlagsFromString('--liftoff-only');
}

/**
 * Runs a service process: configuration → creation → run → clean-up → exit. The first SIGTERM or SIGINT stops it gracefully within
 * `shutdownGraceMs`; the second ends it at once. Exit codes: 0 after a graceful stop, 1 after a failure or an exceeded grace time,
 * 2 for a bad configuration.
 */
export async function runService<C extends ServiceConfig>(options: ServiceOptions<C>): Promise<void> {
  limitWasmCompiler();
  let config: C;
  try {
    config = options.loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${options.name}: ${error.message}\n`);
    process.exitCode = 2;
    return;
  }
  const { tracing, close } = await openTracing({
    config: config.tracing,
    service: options.name,
    logger: () => logger,
    flushMs: Math.min(flushAtMostMs, config.shutdownGraceMs * flushShare),
  });
  const logger = createLogger({
    name: options.name,
    level: config.logLevel,
    ...(config.tracing && { fields: () => tracing.logFields() }),
  });
  const cleanups = new Cleanups();
  // Runs last, because earlier clean-ups may still have spans.
  cleanups.defer('tracing', close);
  const stop = new AbortController();
  const counts: (() => number)[] = [];
  const reasons: (() => string | undefined)[] = [];
  let isCreated = false;
  const isBusy = () => isCreated && (counts.length === 0 || counts.some((count) => count() > 0));
  const giveUp = (message: string) => {
    logger.error(message);
    process.exit(1);
  };
  const onSignal = (received: NodeJS.Signals) => {
    if (stop.signal.aborted) process.exit(1);
    logger.info({ signal: received, grace_ms: config.shutdownGraceMs }, 'stopping');
    setTimeout(() => giveUp('not stopped within the grace time'), config.shutdownGraceMs).unref();
    whenIdle({ isBusy, forMs: options.endingMs ?? usualEndingMs }, () =>
      giveUp('not stopped, though no work is left'),
    );
    setInterval(() => {
      const reason = reasons.map((each) => each()).find((each) => each !== undefined);
      if (reason !== undefined) giveUp(reason);
    }, lookEveryMs).unref();
    stop.abort();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  try {
    const components = await options.create({
      ...{ config, logger, cleanups, tracing },
      countWork: (count) => counts.push(count),
      endEarly: (reason) => reasons.push(reason),
    });
    isCreated = true;
    await runComponents(components, stop.signal);
  } catch (error) {
    if (error instanceof ConfigError) {
      process.stderr.write(`${options.name}: ${error.message}\n`);
      process.exitCode = 2;
      return;
    }
    logger.fatal({ err: error }, 'failed');
    process.exitCode = 1;
  } finally {
    await cleanups.run(logger);
    process.off('SIGTERM', onSignal).off('SIGINT', onSignal);
    setTimeout(() => process.exit(), lingerMs).unref();
  }
}
