import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import type { Allowlist } from '@slipway/shared/egress';
import type { GitHeads } from '../git/git-sources.js';
import { type Account, usualPriority } from '../tenants/account.js';
import { checkCallback } from './resolve/callback.js';
import type { ContextChecks } from './resolve/context.js';
import { resolveSecrets } from './resolve/secrets.js';
import { type ResolveSourceDeps, resolveSource } from './resolve/source.js';
import { type ResolveTemplateDeps, resolveLayer } from './resolve/template.js';
import { resolveVcs } from './resolve/vcs.js';

export interface ResolveDeps extends ResolveSourceDeps, ResolveTemplateDeps {
  readonly egressAllow: Allowlist;
  readonly contexts: Pick<ContextChecks, 'of'>;
}

/** Resolves the references of a request, so that later changes do not affect an accepted job. Throws the codes in `resolveErrors`. */
export async function resolveRequest(
  { source, template, laid_over, secrets, vcs, ...rest }: JobRequest,
  tenant: Account,
  deps: ResolveDeps,
): Promise<JobSpec> {
  checkCallback(rest.callback, tenant.name, deps.egressAllow);
  const sealed = resolveSecrets(secrets, tenant.name);
  const files = await resolveFiles({ source, template, laid_over }, tenant, deps);
  await deps.contexts.of(files)(rest.dockerfile);
  const priority = rest.priority ?? usualPriority(tenant);
  return { ...rest, priority, ...files, ...resolveVcs(vcs, files.source), ...sealed };
}

/**
 * Resolves the files of a job. The jobs of one request share `heads`, so that a branch of a git repository gives all of them the
 * same commit.
 */
export async function resolveFiles(
  { source, template, laid_over }: Pick<JobRequest, 'source' | 'template' | 'laid_over'>,
  tenant: Account,
  deps: ResolveDeps,
  heads?: GitHeads,
): Promise<Pick<JobSpec, 'source' | 'template'>> {
  const found = await resolveSource(source, tenant, deps, heads);
  const laidOver = await resolveLayer({ template, laid_over }, tenant, deps);
  return { source: found, ...(laidOver && { template: laidOver }) };
}
