import { setTimeout as sleep } from 'node:timers/promises';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { Gauge, type Registry } from '@slipway/shared/metrics';
import type { Redis } from '@slipway/shared/redis';

/** Milliseconds since the epoch. */
export interface Clock {
  now(): number;
}

interface RedisClockOptions {
  readonly redis: Pick<Redis, 'time'>;
  readonly registry: Registry;
  readonly logger: Logger;
  /** The clock of this machine. */
  readonly machine?: () => number;
}

const measureEveryMs = 5_000;
/** A slower answer is inexact. It is ignored, unless it is the first. */
const slowAnswerMs = 1_000;
/** Largest difference to Redis' clock with which this process may be the leader. */
const toleranceMs = 60_000;

/**
 * Redis' time, which all processes of an installation share. The clock measures it every few seconds and adds this process' monotonic
 * time, so that no decision depends on the machine's own time. Before the first measurement it returns the machine's time.
 */
export class RedisClock implements Clock, Component {
  readonly name = 'clock';
  readonly #options: RedisClockOptions;
  readonly #machine: () => number;
  #measured: { readonly at: number; readonly redisMs: number } | undefined;
  #wasOff = false;

  constructor(options: RedisClockOptions) {
    this.#options = options;
    this.#machine = options.machine ?? Date.now;
    const offset = () => this.offsetMs;
    new Gauge({
      name: 'slipway_clock_offset_seconds',
      help: "Seconds that this machine's clock is ahead of Redis' clock",
      registers: [options.registry],
      collect() {
        this.set(offset() / 1_000);
      },
    });
  }

  now(): number {
    if (!this.#measured) return this.#machine();
    return Math.floor(this.#measured.redisMs + (performance.now() - this.#measured.at));
  }

  /** Milliseconds that this machine's clock is ahead; negative when it is behind, 0 before the first measurement. */
  get offsetMs(): number {
    return this.#measured ? this.#machine() - this.now() : 0;
  }

  /** True when Redis' time is known and this machine's clock agrees with it. */
  get isRight(): boolean {
    return this.#measured !== undefined && Math.abs(this.offsetMs) <= toleranceMs;
  }

  /** Warnings for the readiness endpoint. */
  warnings(): string[] {
    if (!this.#measured || this.isRight) return [];
    return [`the clock of this machine is ${describe(this.offsetMs)} Redis' clock; set it right`];
  }

  /** Asks Redis for its time once. Rejects with the error of Redis. */
  async measure(): Promise<void> {
    const before = performance.now();
    const [seconds, micros] = await this.#options.redis.time();
    const after = performance.now();
    if (this.#measured && after - before > slowAnswerMs) return;
    const redisMs = Number(seconds) * 1_000 + Number(micros) / 1_000;
    // Redis answered at some time between the two.
    this.#measured = { at: (before + after) / 2, redisMs };
    this.#tell();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // While Redis is unreachable, the monotonic clock continues.
      await this.measure().catch(() => undefined);
      await sleep(measureEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }

  #tell(): void {
    const isOff = !this.isRight;
    if (isOff === this.#wasOff) return;
    this.#wasOff = isOff;
    const { logger } = this.#options;
    const fields = { offset_seconds: Math.round(this.offsetMs / 1_000) };
    if (isOff) logger.error(fields, "this machine's clock is wrong: this process does not act as leader");
    else logger.info(fields, "this machine's clock is right again");
  }
}

function describe(offsetMs: number): string {
  const seconds = Math.round(Math.abs(offsetMs) / 1_000);
  return `${seconds} s ${offsetMs > 0 ? 'ahead of' : 'behind'}`;
}
