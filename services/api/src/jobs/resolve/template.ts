import type { TemplateStore } from '@slipway/control-plane/templates';
import type { JobRequest, JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { findOwn, type OwnershipDeps } from '../../sources/ownership.js';
import type { Account } from '../../tenants/account.js';

/**
 * Returns the template that a request names or brings. Throws `request_invalid` when it does both, `template_not_found` or
 * `source_not_found`.
 */
export async function resolveLayer(
  { template, laid_over }: Pick<JobRequest, 'template' | 'laid_over'>,
  account: Account,
  deps: ResolveTemplateDeps & OwnershipDeps,
): Promise<JobSpec['template']> {
  if (laid_over === undefined) {
    return template === undefined ? undefined : await resolveTemplate(template, account.name, deps);
  }
  if (template === undefined) return await resolveLaidOver(laid_over, account, deps);
  const message = `must not be given together with template, which is ${template}`;
  throw new SlipwayError('request_invalid', `body/laid_over: ${message}`, {
    errors: [{ path: '/laid_over', message }],
  });
}

/** Returns a template that the tenant uploaded as a source. */
async function resolveLaidOver(
  { name, digest, handler_folder }: NonNullable<JobRequest['laid_over']>,
  account: Account,
  deps: OwnershipDeps,
): Promise<NonNullable<JobSpec['template']>> {
  if (await findOwn(account, digest, deps)) return { name, digest, handler_folder, uploaded: true };
  throw new SlipwayError('source_not_found', `There is no source ${digest}, of the template ${name}.`, {
    errors: [
      { path: '/laid_over/digest', message: 'is not the digest of a source that the tenant has uploaded' },
    ],
  });
}

export interface ResolveTemplateDeps {
  readonly templates: Pick<TemplateStore, 'get'>;
}

/** Returns the newest version of a tenant's template. Throws `template_not_found`. */
export async function resolveTemplate(
  name: string,
  tenant: string,
  { templates }: ResolveTemplateDeps,
): Promise<NonNullable<JobSpec['template']>> {
  const template = await templates.get(tenant, name);
  if (!template) {
    throw new SlipwayError('template_not_found', `There is no template ${name}.`, {
      errors: [{ path: '/template', message: 'is not the name of a template that the tenant has sent' }],
    });
  }
  return { name, digest: template.digest, handler_folder: template.handler_folder };
}
