import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { Tenant } from '@slipway/shared/jobs';
import type { SourceStore } from '@slipway/shared/source';
import { resolveSecrets } from './resolve/secrets.js';
import { type ResolveTemplateDeps, resolveTemplate } from './resolve/template.js';

export interface ResolveDeps extends ResolveTemplateDeps {
  readonly sources: Pick<SourceStore, 'find'>;
}

/** Looks up everything that a request only names, so that what is accepted stays what it was. */
export async function resolveRequest(
  { source, template, secrets, ...rest }: JobRequest,
  tenant: Tenant,
  deps: ResolveDeps,
): Promise<JobSpec> {
  if (!('digest' in source)) throw new SlipwayError('request_invalid');
  if (!(await deps.sources.find(source.digest))) {
    throw new SlipwayError('source_not_found', `There is no source ${source.digest}.`, {
      errors: [{ path: '/source/digest', message: 'names no source that was uploaded' }],
    });
  }
  const laidOver = template === undefined ? undefined : await resolveTemplate(template, tenant.name, deps);
  return { ...rest, source, ...(laidOver && { template: laidOver }), ...resolveSecrets(secrets) };
}
