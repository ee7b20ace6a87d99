import { SlipwayError } from '@slipway/shared/errors';
import { classify, type EngineFailure, failureDetail } from '@slipway/shared/failures';
import { insecureRegistry } from './insecure.js';

/** An engine's failure as an error of the table. */
export function engineError(failure: EngineFailure): SlipwayError {
  const code = classify(failure);
  if (code === 'registry_insecure') {
    const host = /"https:\/\/([^/"]+)\//.exec(failure.message)?.[1];
    if (host !== undefined) return insecureRegistry(host);
  }
  return new SlipwayError(code, failureDetail(code, failure.message));
}
