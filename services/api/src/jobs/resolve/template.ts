import type { JobSpec } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import type { TemplateStore } from '@slipway/shared/templates';

export interface ResolveTemplateDeps {
  readonly templates: Pick<TemplateStore, 'get'>;
}

/** The newest version of a tenant's template. Throws `template_not_found`. */
export async function resolveTemplate(
  name: string,
  tenant: string,
  { templates }: ResolveTemplateDeps,
): Promise<NonNullable<JobSpec['template']>> {
  const template = await templates.get(tenant, name);
  if (!template) {
    throw new SlipwayError('template_not_found', `There is no template ${name}.`, {
      errors: [{ path: '/template', message: 'names no template that was sent' }],
    });
  }
  return { name, digest: template.digest, handler_folder: template.handler_folder };
}
