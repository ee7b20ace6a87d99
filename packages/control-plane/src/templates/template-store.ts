import { type Template, templateSchema } from '@slipway/shared/contracts';
import { SlipwayError } from '@slipway/shared/errors';
import { defineScript, type Keys, type Redis } from '@slipway/shared/redis';
import { z } from 'zod';
import { controlPlaneLua } from '../lua/index.js';
import {
  type Fields,
  listField,
  noRecordFaults,
  numberField,
  onlyReadable,
  type RecordFaults,
  readPage,
  readRecord,
  timeField,
} from '../records/index.js';
import type { TemplateSettings } from './template-yaml.js';

interface TemplateStoreOptions {
  readonly redis: Redis;
  readonly keys: Keys;
  /** Receives records that cannot be read. */
  readonly faults?: RecordFaults | undefined;
  /** Milliseconds since the epoch, by Redis' time. The machine's unless given. */
  readonly now?: (() => number) | undefined;
}

interface PutTemplate {
  readonly tenant: string;
  readonly name: string;
  readonly digest: string;
  readonly settings: TemplateSettings;
}

interface PutReply {
  readonly template: Template;
  /** True when the name is new. */
  readonly created: boolean;
  /** True when its files differ from the previous version, and for a new template. */
  readonly changed: boolean;
}

/** Limit of templates per tenant. */
const maxTemplates = 1_000;

const putScript = defineScript({
  folder: controlPlaneLua,
  file: 'templates/put',
  args: z.object({
    tenant: z.string(),
    name: z.string(),
    digest: z.string(),
    handler_folder: z.string(),
    build_options: z.string(),
    at: z.int(),
    most: z.int(),
    origin: z.string().optional(),
  }),
});

/** The newest version of each tenant's templates. The files of earlier versions stay, as sources, while records refer to them. */
export class TemplateStore {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #faults: RecordFaults;
  readonly #now: () => number;

  constructor({ redis, keys, faults = noRecordFaults, now = Date.now }: TemplateStoreOptions) {
    this.#now = now;
    this.#redis = redis;
    this.#keys = keys;
    this.#faults = faults;
  }

  /** Stores the newest version. Throws `template_limit` when the name is new and the tenant has reached the limit. */
  async put({ tenant, name, digest, settings }: PutTemplate): Promise<PutReply> {
    const { handler_folder, build_options, origin } = settings;
    const reply = await putScript.run(
      { redis: this.#redis, keys: this.#keys },
      {
        ...{ tenant, name, digest, handler_folder, build_options: JSON.stringify(build_options) },
        ...{ at: this.#now(), most: maxTemplates, origin: origin && JSON.stringify(origin) },
      },
    );
    if (reply === null) {
      throw new SlipwayError(
        'template_limit',
        `Tenant ${tenant} has ${maxTemplates} templates; ${name} would be one more.`,
      );
    }
    const [before, [version, updatedAt]] = reply as [string | null, [string, string]];
    return {
      template: {
        name,
        version: Number(version),
        digest,
        ...settings,
        updated_at: new Date(Number(updatedAt)).toISOString(),
      },
      created: before === null,
      changed: before !== digest,
    };
  }

  async get(tenant: string, name: string): Promise<Template | undefined> {
    const reply = this.#redis.hgetall(this.#keys.template(tenant, name));
    return await readRecord({
      kind: 'template',
      id: name,
      reply,
      parse: parseTemplate,
      faults: this.#faults,
    });
  }

  /** Returns a tenant's templates by name, after the name `after`. */
  async list(tenant: string, { limit, after }: { limit: number; after?: string | undefined }) {
    const index = this.#keys.templates(tenant);
    return await readPage({
      limit,
      after,
      ids: (from, count) =>
        this.#redis.zrangebylex(index, from === undefined ? '-' : `(${from}`, '+', 'LIMIT', 0, count),
      read: (names) => onlyReadable(names.map((name) => this.get(tenant, name))),
    });
  }

  /** Removes a template; jobs that were accepted with it keep its files. Returns false when there was none. */
  async remove(tenant: string, name: string): Promise<boolean> {
    const { template, templates } = this.#keys;
    const replies = await this.#redis
      .multi()
      .del(template(tenant, name))
      .zrem(templates(tenant), name)
      .exec();
    return replies?.[0]?.[1] === 1;
  }
}

function parseTemplate(name: string, fields: Fields): Template | undefined {
  const { digest, handler_folder = '' } = fields;
  if (digest === undefined) return undefined;
  return {
    name,
    version: numberField(fields, 'version'),
    digest,
    handler_folder,
    build_options: optionsOf(fields),
    ...originOf(fields),
    updated_at: new Date(timeField(fields, 'updated_at')).toISOString(),
  };
}

function originOf({ origin }: Fields): Pick<Template, 'origin'> {
  if (origin === undefined) return {};
  return { origin: templateSchema.shape.origin.unwrap().parse(JSON.parse(origin)) };
}

function optionsOf(fields: Fields): Template['build_options'] {
  const options = listField<Template['build_options'][number]>(fields, 'build_options');
  if (!options.every((option) => typeof option === 'object' && option !== null)) {
    throw new Error('build_options holds something other than options');
  }
  return options;
}
