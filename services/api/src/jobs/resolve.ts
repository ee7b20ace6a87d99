import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import type { Allowlist } from '@slipway/shared/egress';
import type { GitHeads } from '../git/git-sources.js';
import { type Account, usualPriority } from '../tenants/account.js';
import { checkCallback } from './resolve/callback.js';
import { resolveSecrets } from './resolve/secrets.js';
import { type ResolveSourceDeps, resolveSource } from './resolve/source.js';
import { type ResolveTemplateDeps, resolveLayer } from './resolve/template.js';
import { resolveVcs } from './resolve/vcs.js';

export interface ResolveDeps extends ResolveSourceDeps, ResolveTemplateDeps {
  readonly egressAllow: Allowlist;
}

/**
 * Looks up everything that a request only names, so that what is accepted stays what it was. `heads` is shared by the jobs of
 * one request, so that a branch of a git repository is the same commit for all of them.
 */
export async function resolveRequest(
  { source, template, laid_over, secrets, vcs, ...rest }: JobRequest,
  tenant: Account,
  deps: ResolveDeps,
  heads?: GitHeads,
): Promise<JobSpec> {
  checkCallback(rest.callback, tenant.name, deps.egressAllow);
  const sealed = resolveSecrets(secrets, tenant.name);
  const found = await resolveSource(source, tenant, deps, heads);
  const laidOver = await resolveLayer({ template, laid_over }, tenant, deps);
  const priority = rest.priority ?? usualPriority(tenant);
  return {
    ...rest,
    priority,
    source: found,
    ...(laidOver && { template: laidOver }),
    ...resolveVcs(vcs, found),
    ...sealed,
  };
}
