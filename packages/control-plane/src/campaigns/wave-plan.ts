import { maxWaves, type Waves } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';

/**
 * Returns the sizes of the waves of a campaign, in their order. Each size is at least 1, and their sum is `total`. A share is a share of `total`,
 * rounded up. Throws `request_invalid` for more than 50 waves.
 */
export function planWaves(total: number, { canary, size = '100%' }: Waves): number[] {
  const most = typeof size === 'number' ? size : Math.ceil((total * Number.parseInt(size, 10)) / 100);
  const sizes: number[] = [];
  for (let left = total; left > 0; left -= sizes.at(-1) ?? left) {
    sizes.push(Math.min(left, sizes.length === 0 ? (canary ?? most) : most));
    if (sizes.length > maxWaves) throw tooManyWaves(total, { canary, size });
  }
  return sizes;
}

/** Returns the number of the wave of a function, by its place in the campaign. */
export function waveOf(place: number, sizes: readonly number[]): number {
  let end = 0;
  const at = sizes.findIndex((size) => {
    end += size;
    return place < end;
  });
  return at + 1;
}

/** Returns the place of the first function of a wave. */
export const startOfWave = (wave: number, sizes: readonly number[]): number =>
  sizes.slice(0, wave - 1).reduce((sum, size) => sum + size, 0);

function tooManyWaves(total: number, waves: Waves): SlipwayError {
  const message = `makes more than ${maxWaves} waves of ${total} functions: ${JSON.stringify(waves)}. Make the waves larger`;
  return new SlipwayError('request_invalid', `body/waves/size: ${message}.`, {
    errors: [{ path: '/waves/size', message }],
  });
}
