import type { AcquireReply } from '@slipway/control-plane/replicas';
import { sharedMachineEngines } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';

type Lack = NonNullable<(AcquireReply & { readonly lease: undefined })['lacking']>;

/** Returns the error of a build that no replica of the pool can build. */
export function lackingError(lack: Lack, pool: string): SlipwayError {
  if (lack === 'isolation')
    return new SlipwayError(
      'no_isolated_builder',
      `All replicas of the pool ${pool} report the engine ${sharedMachineEngines.join(' or ')}, where builds reach the machine or each other. They build no jobs of tenants other than default.`,
    );
  return new SlipwayError(
    'no_builder_with_options',
    `No replica of the pool ${pool} that may build this job reports the feature build-options: others ignore dockerfile, target, tags, labels, annotations, no_cache and pull.`,
  );
}
