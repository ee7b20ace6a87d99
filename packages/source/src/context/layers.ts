import { contextFolder, type JobSpec } from '@slipway/shared/contracts';
import type { PayloadLayer } from '../payload.js';

/** Returns the layers of a job's payload: the source alone, or a template with the source in its handler folder. */
export function layersOf({ source, template }: Pick<JobSpec, 'source' | 'template'>): PayloadLayer[] {
  if (!template) return [{ digest: source.digest, at: contextFolder }];
  const { digest, handler_folder: folder } = template;
  const handler = folder === '' ? contextFolder : `${contextFolder}/${folder}`;
  return [
    { digest, at: contextFolder },
    { digest: source.digest, at: handler },
  ];
}
