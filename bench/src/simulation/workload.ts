import type { Tenant } from '@slipway/control-plane/jobs';
import { type JobSpec, jobSpecSchema } from '@slipway/shared/contracts';
import { firstIdOf } from '@slipway/shared/ids';
import type { Random } from './random.js';

/** A job before its submission. */
export interface PlannedJob {
  readonly tenant: Tenant;
  readonly image: string;
  readonly functionNumber: number;
  /** Milliseconds of a build without layers, and with the layers of an earlier build. */
  readonly coldMs: number;
  readonly warmMs: number;
}

/** Mean of a build with its layers, in milliseconds. Without them it takes twice as long. */
export const meanWarmMs = 10_000;
const coldFactor = 2;
const sigma = 0.6;
const shortestMs = 1_000;
/** All times of the simulation are multiples of this. */
export const stepMs = 50;

/** The record of a function stays while its tenant has no more than 5,000 names. */
const functionsOfTenant = 5_000;
const largeTenants = 4;
/** Two builds of a function for one tag are so far apart in the queue that they never run at once. */
const tagsOfFunction = 12;

export const small: Tenant = { name: 'small', weight: 1 };
const large = Array.from({ length: largeTenants }, (_, at): Tenant => ({ name: `large-${at}`, weight: 1 }));

/** The jobs of the large tenants: each function is built about ten times or more, in rounds of random order. */
export function* largeJobs(count: number, random: Random): Generator<PlannedJob> {
  const total = Math.max(largeTenants, Math.min(largeTenants * functionsOfTenant, Math.round(count / 10)));
  const functions = Array.from({ length: total }, (_, number) => ({
    number,
    ms: Math.max(shortestMs, random.logNormal(meanWarmMs, sigma)),
  }));
  let left = count;
  for (let round = 0; left > 0; round++) {
    for (const each of random.shuffled(functions).slice(0, left)) {
      yield planned(large[each.number % largeTenants] as Tenant, each, round, random);
    }
    left -= total;
  }
}

/** A job of the small tenant, which has ten functions. */
export function smallJob(at: number, random: Random): PlannedJob {
  return planned(small, { number: -1 - (at % 10), ms: meanWarmMs }, Math.floor(at / 10), random);
}

function planned(
  tenant: Tenant,
  { number, ms }: { readonly number: number; readonly ms: number },
  round: number,
  random: Random,
): PlannedJob {
  const warmMs = Math.ceil((ms * random.between(0.9, 1.1)) / stepMs) * stepMs;
  return {
    tenant,
    functionNumber: number,
    // Slipway keeps the newest job of each tag for a month, so the number of tags has a bound.
    image: `registry.test/${tenant.name}/f${Math.abs(number)}:${round % tagsOfFunction}`,
    warmMs,
    coldMs: warmMs * coldFactor,
  };
}

const source = { digest: `sha256:${'a'.repeat(64)}` };
const example: JobSpec = jobSpecSchema.parse({ image: 'registry.test/f:1', source, force: true });
export const specOf = ({ image }: PlannedJob): JobSpec => ({ ...example, image });

const digits = '0123456789abcdefghjkmnpqrstvwxyz';

/** Returns the id of the job with this number, created at this time. Ids of processes end in random digits. */
export function idOf(ms: number, number: number): string {
  let [end, rest] = ['', number];
  for (let at = 0; at < 16; at++) {
    end = digits[rest % 32] + end;
    rest = Math.floor(rest / 32);
  }
  return firstIdOf('job', ms) + end;
}
