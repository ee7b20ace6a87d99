import type { Job } from '@slipway/client';
import { formatPairs } from '@slipway/shared/formatting';

type Spec = Pick<
  Job,
  'dockerfile' | 'target' | 'tags' | 'image_labels' | 'annotations' | 'no_cache' | 'pull'
>;

/** Returns the pairs as text, or undefined when there are none. */
export const pairs = (texts: Readonly<Record<string, string>> = {}): string | undefined =>
  formatPairs(texts) || undefined;

/** Returns the `docker build` options of a job or function: undefined for default values. */
export const optionFacts = (spec: Spec): (readonly [string, string | undefined])[] => [
  ['tags', spec.tags?.join(', ') || undefined],
  ['Dockerfile', spec.dockerfile === 'Dockerfile' ? undefined : spec.dockerfile],
  ['stage', spec.target],
  ['image labels', pairs(spec.image_labels)],
  ['annotations', pairs(spec.annotations)],
  ['cached layers', spec.no_cache ? 'not used' : undefined],
  ['pull', spec.pull ? 'always' : undefined],
];
