import { imageRepository, parseImageReference } from '@slipway/shared/contracts';
import { normal } from '../random/random.js';

export interface DurationOptions {
  /** Milliseconds; 0 makes every build end at once. */
  readonly meanMs: number;
  /** Deviation of the logarithm; 0 makes every build take the mean. */
  readonly sigma: number;
  /** Replicas with the same seed take the same time for the same image. */
  readonly seed: number;
}

/**
 * Returns the milliseconds that a build takes: log-normal over images, and always equal for the tags of one image
 * repository, so that a second run knows what the first one learned.
 */
export function buildDuration(image: string, { meanMs, sigma, seed }: DurationOptions): number {
  if (meanMs === 0 || sigma === 0) return meanMs;
  const reference = parseImageReference(image);
  const repository = reference ? imageRepository(reference) : image;
  // The mean of a log-normal distribution is exp(mu + sigma² / 2).
  return meanMs * Math.exp(sigma * normal(`${seed}/${repository}`) - sigma ** 2 / 2);
}
