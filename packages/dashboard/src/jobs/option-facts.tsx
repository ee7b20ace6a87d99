import type { Job } from '@slipway/client';
import { Copyable } from '../components/copyable.js';
import { Fact, Tags } from './fact.js';

interface OptionFactsProps {
  readonly spec: Pick<
    Job,
    'dockerfile' | 'target' | 'tags' | 'image_labels' | 'annotations' | 'no_cache' | 'pull'
  >;
}

/** The `docker build` options of a job or function that differ from their defaults. */
export function OptionFacts({ spec }: OptionFactsProps) {
  const { dockerfile = 'Dockerfile', target, tags = [], image_labels, annotations, no_cache, pull } = spec;
  return (
    <>
      {tags.length > 0 && (
        <Fact name="Further tags" wide>
          {tags.map((tag) => (
            <div key={tag}>
              <Copyable value={tag} label={`tag ${tag}`} />
            </div>
          ))}
        </Fact>
      )}
      {dockerfile !== 'Dockerfile' && (
        <Fact name="Dockerfile">
          <code>{dockerfile}</code>
        </Fact>
      )}
      {target !== undefined && (
        <Fact name="Stage">
          <code>{target}</code>
        </Fact>
      )}
      {no_cache && <Fact name="Cached layers">Not used: every step runs again</Fact>}
      {pull && <Fact name="Pull">Always: base images are looked up in their registry</Fact>}
      <Tags name="Labels of the image" values={image_labels} />
      <Tags name="Annotations" values={annotations} />
    </>
  );
}
