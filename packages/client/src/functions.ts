import type { Client as FetchClient } from 'openapi-fetch';
import { dataOf } from './batches.js';
import type { components, operations, paths } from './schema.js';
import type { Send } from './send.js';
import { type Archive, sendArchive } from './upload.js';

type Schemas = components['schemas'];
export type FunctionView = Schemas['Function'];
export type FunctionRequest = Schemas['FunctionRequest'];
export type FunctionPage = Schemas['FunctionPage'];
export type BaseImage = Schemas['BaseImage'];
export type BaseImagePage = Schemas['BaseImagePage'];
export type FunctionSelector = Schemas['FunctionSelector'];
export type RebuildRequest = Schemas['RebuildRequest'];
export type RebuildPlan = Schemas['RebuildPlan'];
export type Template = Schemas['Template'];
export type StoredTemplate = Schemas['StoredTemplate'];
export type TemplatePage = Schemas['TemplatePage'];
type ListFunctionsQuery = NonNullable<operations['listFunctions']['parameters']['query']>;
type ListBaseImagesQuery = NonNullable<operations['listBaseImages']['parameters']['query']>;
type ListTemplatesQuery = NonNullable<operations['listTemplates']['parameters']['query']>;

interface Call {
  readonly signal?: AbortSignal | undefined;
}
interface Named extends Call {
  readonly namespace: string;
  readonly name: string;
}

export interface FunctionCalls {
  listFunctions(options?: Call & { query?: ListFunctionsQuery }): Promise<FunctionPage>;
  /** Returns a page of the base images of all functions, by reference. */
  listBaseImages(options?: Call & { query?: ListBaseImagesQuery }): Promise<BaseImagePage>;
  /** Returns the function with the results of its last jobs. */
  getFunction(options: Named): Promise<FunctionView>;
  /** Sets the job spec of a function without building it. */
  putFunction(options: Named & { function: FunctionRequest }): Promise<FunctionView>;
  deleteFunction(options: Named): Promise<void>;
  /** Rebuilds the selected functions. The plan lists each function with the reason, and names the batch. */
  submitRebuild(
    options: Call & { rebuild: Omit<RebuildRequest, 'dry_run'> },
  ): Promise<RebuildPlan & { batch: NonNullable<RebuildPlan['batch']> }>;
  /** Returns the plan that `submitRebuild` would build. */
  planRebuild(options: Call & { rebuild: Omit<RebuildRequest, 'dry_run'> }): Promise<RebuildPlan>;
  /**
   * Sends a template folder. `rebuild`: rebuilds the functions that were last built with other files of it. The answer names
   * the batch, if any.
   */
  putTemplate(
    options: Call & { name: string; archive: Archive; rebuild?: boolean },
  ): Promise<StoredTemplate & { created: boolean }>;
  listTemplates(options?: Call & { query?: ListTemplatesQuery }): Promise<TemplatePage>;
  getTemplate(options: Call & { name: string }): Promise<Template>;
  deleteTemplate(options: Call & { name: string }): Promise<void>;
}

interface FunctionCallsOptions {
  readonly api: FetchClient<paths>;
  readonly send: Send;
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
}

const signalOf = ({ signal }: Call) => (signal ? { signal } : {});

export function functionCalls({ api, send, baseUrl, headers }: FunctionCallsOptions): FunctionCalls {
  const named = ({ namespace, name, signal }: Named) => ({
    params: { path: { namespace, name } },
    ...signalOf({ signal }),
  });
  const rebuild = async (call: Call, body: RebuildRequest) =>
    dataOf(await api.POST('/v1/rebuilds', { body, ...signalOf(call) }));
  return {
    async listFunctions({ query = {}, ...call } = {}) {
      return dataOf(await api.GET('/v1/functions', { params: { query }, ...signalOf(call) }));
    },
    async listBaseImages({ query = {}, ...call } = {}) {
      return dataOf(await api.GET('/v1/base-images', { params: { query }, ...signalOf(call) }));
    },
    getFunction: async (call) => dataOf(await api.GET('/v1/functions/{namespace}/{name}', named(call))),
    putFunction: async (call) =>
      dataOf(await api.PUT('/v1/functions/{namespace}/{name}', { body: call.function, ...named(call) })),
    async deleteFunction(call) {
      await api.DELETE('/v1/functions/{namespace}/{name}', named(call));
    },
    async submitRebuild(call) {
      const plan = await rebuild(call, { ...call.rebuild, dry_run: false });
      if (!plan.batch) throw new TypeError('the server answered without a batch');
      return { ...plan, batch: plan.batch };
    },
    planRebuild: (call) => rebuild(call, { ...call.rebuild, dry_run: true }),
    async putTemplate({ name, archive, rebuild: again = false, signal }) {
      const { body, created } = await sendArchive<StoredTemplate>({
        send,
        method: 'PUT',
        url: `${baseUrl}/v1/templates/${encodeURIComponent(name)}${again ? '?rebuild=true' : ''}`,
        headers,
        archive,
        signal,
      });
      return { ...body, created };
    },
    async listTemplates({ query = {}, ...call } = {}) {
      return dataOf(await api.GET('/v1/templates', { params: { query }, ...signalOf(call) }));
    },
    async getTemplate({ name, ...call }) {
      return dataOf(await api.GET('/v1/templates/{name}', { params: { path: { name } }, ...signalOf(call) }));
    },
    async deleteTemplate({ name, ...call }) {
      await api.DELETE('/v1/templates/{name}', { params: { path: { name } }, ...signalOf(call) });
    },
  };
}
