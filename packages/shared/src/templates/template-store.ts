import { type Template, templateSchema } from '../contracts/index.js';
import { SlipwayError } from '../errors/index.js';
import {
  type Fields,
  listField,
  noRecordFaults,
  numberField,
  onlyReadable,
  type RecordFaults,
  readPage,
  readRecord,
  schemaVersions,
  timeField,
} from '../records/index.js';
import { defineScript, type Keys, type Redis } from '../redis/index.js';
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
  /** There was none of this name. */
  readonly created: boolean;
  /** Its files are others than before; true for a new one too. */
  readonly changed: boolean;
}

/** Names of one tenant. */
const maxTemplates = 1_000;

/**
 * KEYS: 1 the template, 2 the tenant's templates. ARGV: 1 name, 2 digest, 3 handler folder, 4 build options as JSON, 5 ms, 6 names that a tenant may have, 7 where it is from as JSON, or empty.
 * Returns {the digest before or false, …}, or false when the name is new and the tenant has that many. The version grows with the digest only, so that sending a template again changes nothing.
 */
const putScript = defineScript(`
local before = redis.call('HGET', KEYS[1], 'digest')
if not before and redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[6]) then return false end
if before ~= ARGV[2] then
  redis.call('HINCRBY', KEYS[1], 'version', 1)
  redis.call('HSET', KEYS[1], 'schema', ${schemaVersions.template}, 'digest', ARGV[2], 'handler_folder', ARGV[3], 'build_options', ARGV[4], 'updated_at', ARGV[5])
  if ARGV[7] == '' then redis.call('HDEL', KEYS[1], 'origin') else redis.call('HSET', KEYS[1], 'origin', ARGV[7]) end
  redis.call('ZADD', KEYS[2], 0, ARGV[1])
end
return { before, redis.call('HMGET', KEYS[1], 'version', 'updated_at') }
`);

/** The newest version of each tenant's templates; the files of earlier ones stay, as sources, while something was built with them. */
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

  /** Stores the newest version. Throws `template_limit` when the name is new and the tenant has as many as it may. */
  async put({ tenant, name, digest, settings }: PutTemplate): Promise<PutReply> {
    const { handler_folder, build_options, origin } = settings;
    const reply = await putScript.run(
      this.#redis,
      [this.#keys.template(tenant, name), this.#keys.templates(tenant)],
      [
        ...[name, digest, handler_folder, JSON.stringify(build_options), this.#now(), maxTemplates],
        origin ? JSON.stringify(origin) : '',
      ],
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

  /** A tenant's templates by name, those after `after`. */
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

  /** False when there was none. Jobs that were accepted with it keep its files. */
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
    throw new Error('build_options holds something else than options');
  }
  return options;
}
