import type { BaseState } from '@slipway/control-plane/functions';
import { SlipwayError } from '@slipway/shared/errors';
import type { FoundBase } from './read-base.js';

interface CompareOptions {
  readonly reference: string;
  readonly before: BaseState;
  readonly found: FoundBase;
  /** The platforms that functions were built for. */
  readonly wanted: ReadonlySet<string>;
  /** Redis' time, in ms. */
  readonly now: number;
}

/** `same`: another index with the same manifests for the platforms in use. `first`: there was no digest to compare with. */
export type Comparison = 'unchanged' | 'same' | 'first' | 'changed';

/** Limit of earlier digests with the same manifests. */
const maxEqual = 20;

/**
 * Returns the state after a check, and how it compares with the state before. A change is one of the manifests for the platforms in use, or of an image
 * without an index. Throws `base_image_platform_missing` for an index with none of these platforms.
 */
export function compareBase({ reference, before, found, wanted, now }: CompareOptions): {
  readonly comparison: Comparison;
  readonly state: BaseState;
} {
  const { error: _error, ...known } = before;
  const { digest, platforms } = found;
  if (digest === known.digest) return { comparison: 'unchanged', state: { ...known, checkedAt: now } };
  const all = Object.keys(platforms ?? {});
  const used = wanted.size === 0 ? all : all.filter((platform) => wanted.has(platform));
  if (platforms && used.length === 0) {
    const platform = [...wanted].toSorted().slice(0, 10).join(', ') || 'any platform';
    throw new SlipwayError(
      'base_image_platform_missing',
      `${reference} has the digest ${digest}, with no image for ${platform}.`,
    );
  }
  const common = { digest, since: now, checkedAt: now, platforms: platforms ?? {} };
  if (known.digest === undefined) return { comparison: 'first', state: common };
  const isSame = platforms && used.every((platform) => platforms[platform] === known.platforms?.[platform]);
  if (!isSame) return { comparison: 'changed', state: { ...common, changedAt: now } };
  const equal = [known.digest, ...(known.equal ?? [])].filter((each) => each !== digest).slice(0, maxEqual);
  const { changedAt } = known;
  return { comparison: 'same', state: { ...common, equal, ...(changedAt !== undefined && { changedAt }) } };
}
