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

/** The files of a job, and the check of their build context. */
interface JobFiles {
  readonly files: Pick<JobSpec, 'source' | 'template'>;
  /** Takes the path of the job's Dockerfile. */
  readonly check: (dockerfile: string | undefined) => Promise<void>;
}

/**
 * Resolves the references of a request, so that later changes do not affect an accepted job. `find` returns its files; items of a batch
 * share them. Throws the codes in `resolveErrors`.
 */
export async function resolveRequest(
  request: JobRequest,
  tenant: Account,
  deps: ResolveDeps,
  find: () => Promise<JobFiles> = () => findFiles(request, tenant, deps),
): Promise<JobSpec> {
  const { source: _source, template: _template, laid_over: _laidOver, secrets, vcs, ...own } = request;
  checkCallback(own.callback, tenant.name, deps.egressAllow);
  const sealed = resolveSecrets(secrets, tenant.name);
  const { files, check } = await find();
  await check(own.dockerfile);
  const priority = own.priority ?? usualPriority(tenant);
  return toSpec({ ...own, priority }, { ...files, ...sealed, ...resolveVcs(vcs, files.source) });
}

/** The fields of a spec that a request gives by reference. */
type Resolved = Pick<JobSpec, 'source' | 'template' | 'secrets' | 'vcs'>;

/** Returns the spec of a job from its own fields and what its references resolve to. Every spec of a new job is made here. */
export function toSpec(
  own: Omit<JobSpec, keyof Resolved>,
  { source, template, secrets, vcs }: Resolved,
): JobSpec {
  return { ...own, source, ...(template && { template }), ...(secrets && { secrets }), ...(vcs && { vcs }) };
}

/**
 * Finds the files of a job. The jobs of one request share `heads`, so that a branch of a git repository gives all of them the same
 * commit.
 */
export async function findFiles(
  { source, template, laid_over }: Pick<JobRequest, 'source' | 'template' | 'laid_over'>,
  tenant: Account,
  deps: ResolveDeps,
  heads?: GitHeads,
): Promise<JobFiles> {
  const found = await resolveSource(source, tenant, deps, heads);
  const laidOver = await resolveLayer({ template, laid_over }, tenant, deps);
  const files = { source: found, ...(laidOver && { template: laidOver }) };
  return { files, check: deps.contexts.of(files) };
}
