import type { Job } from '@slipway/client';

type Texts = Readonly<Record<string, string>>;
type Spec = Pick<
  Job,
  'dockerfile' | 'target' | 'tags' | 'image_labels' | 'annotations' | 'no_cache' | 'pull'
>;

/** Pairs as a command line has them; undefined when there are none. */
export const pairs = (texts: Texts = {}): string | undefined =>
  Object.entries(texts)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ') || undefined;

/** The options of `docker build` that a job or a function has: undefined where they say what is usual. */
export const optionFacts = (spec: Spec): (readonly [string, string | undefined])[] => [
  ['tags', spec.tags?.join(', ') || undefined],
  ['Dockerfile', spec.dockerfile === 'Dockerfile' ? undefined : spec.dockerfile],
  ['stage', spec.target],
  ['image labels', pairs(spec.image_labels)],
  ['annotations', pairs(spec.annotations)],
  ['cached layers', spec.no_cache ? 'not used' : undefined],
  ['pull', spec.pull ? 'always' : undefined],
];
