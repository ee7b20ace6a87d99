import { z } from 'zod';
import { lieNames } from '../builds/lies.js';
import { uniform } from '../random/random.js';

/**
 * Faults of a replica:
 * `busy` answers 429 though it has room; `hang` takes the build and says nothing more; `slow` takes `factor` times as long;
 * `reset` breaks the connection in the middle; `cut` does the same to a build with an id, which goes on; `truncated` ends its stream without a terminal line; `garbage` answers
 * something else than JSON; `failed`, `failure`, `error_500` say that the build failed, in the three ways builders do;
 * `says` fails with the message `error`, in which `{image}` stands for the image;
 * `verbose` builds and writes a log of 4 KB; `talks` builds and writes a line every `ms`; `exit` ends the process in the middle; `refuse` breaks the connection and takes none for `ms`; `engine_dead` lets the replica live and fails
 * all its builds, those in hand too, in BuildKit's words, and `/ready` is 503 (with `reason` as Slipway's builder does it: with a code, and
 * builds are refused). The others end a stream with a
 * line that is out of bounds or lies (builds/lies.ts).
 */
const faultNames = [
  'busy',
  'hang',
  'slow',
  'reset',
  'cut',
  'truncated',
  'garbage',
  'failed',
  'failure',
  'error_500',
  'says',
  'verbose',
  'talks',
  'exit',
  'refuse',
  'engine_dead',
  ...lieNames,
] as const;
export type FaultName = (typeof faultNames)[number];

const patternSchema = z.string().refine((text) => {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}, 'is not a regular expression');

const faultRuleSchema = z.strictObject({
  fault: z.enum(faultNames),
  probability: z.number().min(0).max(1).default(1).describe('For each build that the rule fits'),
  image: patternSchema.optional().describe('Only for images that fit; all when left out'),
  times: z.int().min(1).optional().describe('At most so often for one image'),
  factor: z.number().positive().default(3).describe('Of `slow`'),
  reason: z
    .boolean()
    .default(false)
    .describe('Of `engine_dead`: whether the replica says why it is not ready'),
  error: z.string().default('the build failed').describe('Of `says`'),
  ms: z.int().positive().default(3_000).describe('Of `refuse` and `talks`'),
});
export type FaultRule = z.infer<typeof faultRuleSchema>;
export const faultRulesSchema = z.array(faultRuleSchema);
export type FaultRules = z.input<typeof faultRulesSchema>;

/** Decides by seed, image and how often the image has come: not by when, nor by what other images do. */
export class Faults {
  readonly #seed: number;
  #rules: readonly FaultRule[];
  /** Times that a rule has struck, by rule and image. */
  readonly #struck = new Map<string, number>();
  /** Number of builds received, by image. */
  readonly #deliveries = new Map<string, number>();

  constructor({ seed, rules }: { readonly seed: number; readonly rules: FaultRules }) {
    this.#seed = seed;
    this.#rules = faultRulesSchema.parse(rules);
  }

  /** Replaces the rules. Throws a `ZodError` when they are not valid. */
  set(rules: unknown): void {
    this.#rules = faultRulesSchema.parse(rules);
    this.#struck.clear();
  }

  /** The rule by which the engine is dead now, for every build. */
  get deadEngine(): FaultRule | undefined {
    return this.#rules.find(({ fault }) => fault === 'engine_dead');
  }

  /** The rule that strikes the next build of an image: the first that fits. */
  choose(image: string): FaultRule | undefined {
    const delivery = (this.#deliveries.get(image) ?? 0) + 1;
    this.#deliveries.set(image, delivery);
    return this.#rules.find((rule, at) => {
      if (rule.image !== undefined && !new RegExp(rule.image).test(image)) return false;
      const key = `${at}/${image}`;
      const struck = this.#struck.get(key) ?? 0;
      if (rule.times !== undefined && struck >= rule.times) return false;
      if (uniform(`${this.#seed}/${key}/${delivery}`) >= rule.probability) return false;
      this.#struck.set(key, struck + 1);
      return true;
    });
  }
}
