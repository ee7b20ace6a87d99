import type { FunctionRecord, FunctionStore } from '@slipway/control-plane/functions';
import type { SharedMaps } from '@slipway/control-plane/stored';
import type { TemplateStore } from '@slipway/control-plane/templates';
import {
  baseImageFits,
  canonicalImage,
  type JobSpec,
  jobSpecSchema,
  mapFields,
  maxBatchItems,
  maxCampaignFunctions,
  type RebuildPlan,
  type RebuildRequest,
} from '@slipway/shared/contracts';
import { codeOf, SlipwayError, shownValue } from '@slipway/shared/errors';
import type { SourceStore } from '@slipway/source';
import { selectFunctions } from '../functions/select.js';
import { type ContextChecks, contextErrors } from '../jobs/resolve/context.js';
import { resolveTemplate } from '../jobs/resolve/template.js';
import { toSpec } from '../jobs/resolve.js';
import { type ImagePattern, imagePattern } from './image-pattern.js';

export interface PlanDeps {
  readonly functions: FunctionStore;
  readonly sources: Pick<SourceStore, 'find'>;
  readonly templates: Pick<TemplateStore, 'get'>;
  readonly contexts: Pick<ContextChecks, 'of'>;
  /** Returns Redis' time in milliseconds. */
  readonly now: () => number;
}

interface Planned {
  readonly spec: JobSpec;
  /** Map entries that other records share. */
  readonly bases: SharedMaps;
  readonly shown: RebuildPlan['functions'][number];
  /** The last success of the function; undefined if there is none. */
  readonly before: { readonly digest: string | undefined } | undefined;
  /** The base images that the selector found, as canonical references. */
  readonly baseImages: readonly string[];
}

type LeftOut = RebuildPlan['left_out'][number];

interface Plan {
  readonly planned: readonly Planned[];
  readonly leftOut: readonly LeftOut[];
}

/** Limit of concurrent lookups of sources. */
const atOnce = 16;

/**
 * Plans a rebuild: the last spec of each selected function, with the changes of the request. Functions that cannot be built any more
 * are left out, with the reason. Throws `nothing_selected`, `request_invalid` or `image_invalid`.
 */
export async function planRebuild(request: RebuildRequest, tenant: string, deps: PlanDeps): Promise<Plan> {
  checkSelector(request);
  checkCampaign(request, deps.now());
  const image = request.image === undefined ? undefined : imagePattern(request.image, request.values);
  const tags = request.tags?.map((tag, at) => imagePattern(tag, request.values, `/tags/${at}`));
  const { functions } = deps;
  const most = request.waves ? maxCampaignFunctions : maxBatchItems;
  const selection = await selectFunctions({
    functions,
    tenant,
    selector: request.select,
    limit: most,
  });
  if (selection.more || selection.selected.length > most) {
    throw invalid('/select', `matches more than ${most} functions`);
  }
  const planned: Planned[] = [];
  const leftOut: LeftOut[] = selection.unknown.map((name) => ({
    function: name,
    code: 'not_found',
    reason: 'Function not found.',
  }));
  const find = finder(request, tenant, deps);
  const queue = selection.selected.entries();
  const results = new Array<Planned | LeftOut>(selection.selected.length);
  const work = async () => {
    for (const [at, { record, reasons, bases: baseImages }] of queue) {
      const found = await find(record);
      if ('code' in found) results[at] = found;
      else {
        const spec = changed(record, { request, image, tags, template: found.template });
        const shown = { function: record.name, image: spec.image, reasons: [...reasons] };
        const before = record.built && { digest: record.built.result.digest };
        const planned = { spec, bases: record.bases, shown, before, baseImages };
        results[at] = (await contextFault(spec, record.name, deps)) ?? planned;
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  for (const result of results) {
    if ('code' in result) leftOut.push(result);
    else planned.push(result);
  }
  if (image || tags) checkDistinct(planned);
  if (planned.length === 0) throw nothingSelected(leftOut);
  return { planned, leftOut };
}

function checkSelector({ select }: RebuildRequest): void {
  const { base_image } = select;
  // A valid reference matches itself.
  if (base_image !== undefined && !baseImageFits(base_image, base_image)) {
    throw invalid('/select/base_image', `${shownValue(base_image)} is not an image reference`);
  }
}

/** Throws `request_invalid` for fields of a campaign that need another field, and for fields that a campaign does not have. */
function checkCampaign(request: RebuildRequest, now: number): void {
  const { waves, on_failure, callback, finish_by } = request;
  for (const field of ['max_failures', 'finish_by', 'only_changed'] as const) {
    if (!waves && request[field] !== undefined) throw invalid(`/${field}`, 'needs `waves`');
  }
  if (!waves) return;
  if (on_failure === 'stop') throw invalid('/on_failure', 'is not for campaigns: set `max_failures`');
  if (request.only_changed && !callback) throw invalid('/only_changed', 'needs a `callback`');
  if (finish_by !== undefined && Date.parse(finish_by) <= now) {
    throw invalid('/finish_by', `${shownValue(finish_by)} is in the past`);
  }
}

/**
 * Returns a function that resolves the references of a spec for the rebuild, or returns why they cannot be resolved. Looks up each
 * reference once.
 */
function finder({ template: version }: RebuildRequest, tenant: string, deps: PlanDeps) {
  const once = <T>(look: (key: string) => Promise<T>) => {
    const known = new Map<string, Promise<T>>();
    return (key: string) => {
      const promise = known.get(key) ?? look(key);
      known.set(key, promise);
      return promise;
    };
  };
  const isThere = once(async (digest) => (await deps.sources.find(digest)) !== undefined);
  const newest = once((name) =>
    resolveTemplate(name, tenant, deps).catch((error: unknown) => {
      if (codeOf(error) === 'template_not_found') return undefined;
      throw error;
    }),
  );
  return async ({ name, spec }: FunctionRecord): Promise<LeftOut | { template: JobSpec['template'] }> => {
    const gone = (code: LeftOut['code'], reason: string): LeftOut => ({ function: name, code, reason });
    if (!(await isThere(spec.source.digest))) {
      return gone('source_not_found', `Its source ${spec.source.digest} is gone.`);
    }
    if (!spec.template) return { template: undefined };
    const own = spec.template.uploaded || version === 'same' ? spec.template : undefined;
    const template = version === 'same' ? own : ((await newest(spec.template.name)) ?? own);
    if (!template) return gone('template_not_found', `Its template ${spec.template.name} is gone.`);
    if (await isThere(template.digest)) return { template };
    return gone('template_not_found', `The files of its template ${template.name} are gone.`);
  };
}

/** Returns why a function cannot be built from its files; undefined when it can. */
async function contextFault(
  spec: JobSpec,
  name: string,
  { contexts }: Pick<PlanDeps, 'contexts'>,
): Promise<LeftOut | undefined> {
  try {
    await contexts.of(spec)(spec.dockerfile);
    return undefined;
  } catch (error) {
    const code = contextErrors.find((each) => each === codeOf(error));
    if (code === undefined) throw error;
    return { function: name, code, reason: (error as SlipwayError).message };
  }
}

interface Changes {
  readonly request: RebuildRequest;
  readonly image: ImagePattern | undefined;
  /** Undefined when each function keeps its tags. */
  readonly tags: readonly ImagePattern[] | undefined;
  readonly template: JobSpec['template'];
}

function changed({ name, spec }: FunctionRecord, { request, image, tags, template }: Changes): JobSpec {
  const { source, template: _template, secrets, vcs, tags: _tags, ...rest } = spec;
  const { dockerfile, target, no_cache, pull } = request;
  const options = Object.entries({ dockerfile, target, no_cache, pull }).filter(
    ([, value]) => value !== undefined,
  );
  const own = image ? image({ function: name, image: spec.image }) : spec.image;
  // A former tag of the function may be its new image.
  const references = tags
    ? tags.map((tag) => tag({ function: name, image: spec.image }))
    : (spec.tags ?? []).filter((tag) => canonicalImage(tag) !== canonicalImage(own));
  const fields = {
    ...rest,
    ...Object.fromEntries(options),
    ...(references.length > 0 && { tags: references }),
    ...Object.fromEntries(
      mapFields
        .filter((field) => spec[field] ?? request[field])
        .map((field) => [field, { ...spec[field], ...request[field] }]),
    ),
    function: name,
    image: own,
    priority: request.priority,
    skip_if_unchanged: request.skip_if_unchanged,
    force: false,
  };
  const result = jobSpecSchema.safeParse(toSpec(fields, { source, template, secrets, vcs }));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(`/${issue?.path.join('/') ?? ''}`, `of ${name} ${issue?.message ?? 'would be wrong'}`);
}

/** Rejects two functions with the same image: their jobs would supersede each other. */
function checkDistinct(planned: readonly Planned[]): void {
  const owners = new Map<string, string>();
  for (const { spec, shown } of planned) {
    const references = [spec.image, ...(spec.tags ?? [])];
    for (const [at, reference] of references.entries()) {
      const key = canonicalImage(reference) ?? reference;
      const other = owners.get(key);
      if (other !== undefined && other !== shown.function) {
        const path = at === 0 ? '/image' : `/tags/${at - 1}`;
        throw invalid(path, `gives ${reference} for both ${other} and ${shown.function}`);
      }
      owners.set(key, shown.function);
    }
  }
}

function nothingSelected(leftOut: readonly LeftOut[]): SlipwayError {
  if (leftOut.length === 0) return new SlipwayError('nothing_selected');
  return new SlipwayError('nothing_selected', 'None of the selected functions can be built again.', {
    errors: leftOut
      .slice(0, 100)
      .map(({ function: name, reason }) => ({ path: '/select', message: `${name}: ${reason}` })),
  });
}

function invalid(path: string, message: string): SlipwayError {
  return new SlipwayError('request_invalid', `body${path}: ${message}`, { errors: [{ path, message }] });
}
