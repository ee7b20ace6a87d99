import { hash } from 'node:crypto';
import {
  canonicalImage,
  defaultPool,
  imageRepository,
  type JobSpec,
  parseImageReference,
} from '@slipway/shared/contracts';
import { newId } from '@slipway/shared/ids';
import { normalPlatform } from '@slipway/shared/platforms';
import { type StoredSpec, sharedOfPart } from '../stored/index.js';

/** The owner of a job. */
export interface Tenant {
  readonly name: string;
  /** The share of the fleet relative to other tenants, above 0. */
  readonly weight: number;
}

/** The part of a job that one pool builds, when no pool builds the whole job. */
export interface PartPlan {
  readonly pool: string;
  readonly platforms: readonly string[];
}

/** Returns the fields `parts` and `plan` of a record: the list of its parts, and the data to create their jobs. See lua/jobs/include/parts.lua. */
export function partRecords(whole: WholeJob, parts: readonly PartPlan[], tenant: Tenant) {
  const records = parts.map((part) => ({ ...part, id: newId('job') }));
  return {
    parts: JSON.stringify(records.map(({ id, pool, platforms }) => ({ id, pool, platforms }))),
    plan: stringList(records.map(({ id, ...part }) => stringList([id, ...partPlan(whole, part, tenant)]))),
  };
}

interface WholeJob {
  readonly spec: JobSpec;
  readonly stored: StoredSpec;
}

/** Returns the plan of a part. CI receives only the result of the whole job: a commit has one state per image. */
function partPlan(
  { spec: whole, stored }: WholeJob,
  { pool, platforms }: PartPlan,
  tenant: Tenant,
): string[] {
  const tags = partTags(whole, pool);
  const changes = {
    ...{ image: partImage(whole.image, pool), pool, platforms: [...platforms] },
    ...(tags.length > 0 && { tags }),
  };
  const spec: JobSpec = { ...withoutReceivers(whole), ...changes };
  return [
    pool,
    JSON.stringify({ ...withoutReceivers(stored.own), ...changes }),
    buildKey(spec, pool),
    buildsLike(whole, { tenant, pool }),
    referencesOf(spec).join(' '),
    sharedOfPart(stored.shared),
    ...indexNames(spec, tenant.name),
  ];
}

/** Returns the spec without receivers of results, and without the tags, which name only the whole image. */
function withoutReceivers<T extends object>(spec: T): Omit<T, 'function' | 'callback' | 'vcs' | 'tags'> {
  const {
    function: _function,
    callback: _callback,
    vcs: _vcs,
    tags: _tags,
    ...rest
  } = spec as T & Partial<JobSpec>;
  return rest as Omit<T, 'function' | 'callback' | 'vcs' | 'tags'>;
}

/** Returns strings as one text that a script splits without decoding: each has its length in bytes before it. */
const stringList = (strings: readonly string[]): string =>
  strings.map((text) => `${Buffer.byteLength(text)}:${text}`).join('');

const maxTagLength = 128;

/** Returns the reference for the image of one pool: the tag with the name of the pool. */
function partImage(image: string, pool: string): string {
  const reference = parseImageReference(image);
  if (!reference) return image;
  const tag = (reference.tag ?? 'latest').slice(0, maxTagLength - pool.length - 1);
  return `${imageRepository(reference)}:${tag}-${pool}`;
}

/**
 * Returns the references that a job pushes to: its image as written, then the canonical form of image and tags, without duplicates.
 * Returns none for a job that does not push.
 */
export function referencesOf({ image, tags = [], push }: JobSpec): string[] {
  if (!push) return [];
  return [...new Set([image, ...[image, ...tags].map((each) => canonicalImage(each) ?? each)])];
}

/** Returns a reference in each other repository that the whole image is pushed to: an index refers only to manifests in its own repository. */
function partTags({ image, tags = [] }: JobSpec, pool: string): string[] {
  const repositories = new Map<string | undefined, string>();
  for (const tag of tags) repositories.set(canonicalRepository(tag), tag);
  repositories.delete(canonicalRepository(image));
  return [...repositories.values()].map((tag) => partImage(tag, pool));
}

function canonicalRepository(image: string): string | undefined {
  const reference = parseImageReference(canonicalImage(image) ?? image);
  return reference && imageRepository(reference);
}

/** Returns the name under which build times and the home replica are stored. Each pool has its own. */
export function buildsLike(spec: JobSpec, { tenant, pool }: { tenant: Tenant; pool: string }): string {
  const name = `${tenant.name}/${spec.function ?? repositoryOf(spec.image)}`;
  return pool === defaultPool ? name : `${name} ${pool}`;
}

/** True for each field that changes the image: jobs that differ in it never share an image. The other fields only change where, when and for whom the image is built. */
const decidesImage = {
  ...{ source: true, template: true, build_args: true, platforms: true, push: true },
  ...{ secrets: true, sbom: true, provenance: true },
  ...{ dockerfile: true, target: true, tags: true, image_labels: true, annotations: true },
  ...{ no_cache: true, pull: true },
  ...{ image: false, function: false, pool: false, priority: false, timeout: false, labels: false },
  ...{ callback: false, vcs: false, skip_if_unchanged: false, force: false },
} satisfies Record<keyof JobSpec, boolean>;

/** The same for the fields of the objects in the first version of the key. */
const decidesWithin = {
  source: { digest: true, git: false },
  template: { digest: true, handler_folder: true, name: false, uploaded: false },
  secrets: { sealed: true, key_id: false, names: false },
} satisfies {
  [Field in 'source' | 'template' | 'secrets']: Record<keyof NonNullable<JobSpec[Field]>, boolean>;
};

/** Fields of the first version of the key, which must not change. Other fields follow as pairs of name and value. */
const firstFields: ReadonlySet<string> = new Set<keyof JobSpec>([
  ...(['source', 'template', 'build_args', 'platforms'] as const),
  ...(['push', 'secrets', 'sbom', 'provenance'] as const),
]);

/** Returns a digest of everything that goes into an image: two jobs with the same digest give the same image. */
export function buildKey(spec: JobSpec, pool: string): string {
  const { source, template, build_args, platforms, push, secrets, sbom, provenance } = spec;
  // Without a platform each builder uses its own, so each pool builds another image.
  const own = platforms.length === 0 && pool !== defaultPool ? [pool] : [];
  const later = laterFields(spec);
  return hash(
    'sha256',
    JSON.stringify([
      ...[
        deciding(source, decidesWithin.source),
        deciding(template, decidesWithin.template),
        sortedEntries(build_args),
        platforms.map(normalPlatform).sort(),
        push,
        deciding(secrets, decidesWithin.secrets),
      ],
      ...[sbom, provenance, ...own, ...(later.length > 0 ? [later] : [])],
    ]),
  );
}

/** Returns the values of the fields that decide: a single one as it is, several as a list. */
function deciding<T extends object>(object: T | undefined, decides: Record<keyof T, boolean>): unknown {
  if (!object) return undefined;
  const names = (Object.keys(decides) as (keyof T)[]).filter((name) => decides[name]);
  const values = names.map((name) => object[name]);
  return values.length === 1 ? values[0] : values;
}

/** Returns the later fields. Omits options that are unset or empty, so that the key stays the same without them. */
function laterFields(spec: JobSpec): [name: string, value: unknown][] {
  return Object.entries(decidesImage)
    .filter(([name, decides]) => decides && !firstFields.has(name))
    .flatMap(([name]): [string, unknown][] => {
      const value = spec[name as keyof JobSpec];
      if (Array.isArray(value)) return value.length > 0 ? [[name, value.toSorted()]] : [];
      if (typeof value !== 'object') return value === undefined || value === false ? [] : [[name, value]];
      const entries = sortedEntries(value);
      return entries.length > 0 ? [[name, entries]] : [];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

const sortedEntries = (map: object) => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));

function repositoryOf(image: string): string {
  const reference = parseImageReference(image);
  return reference ? imageRepository(reference) : image;
}

/** Returns the digests of the sources of a job. */
export function sourcesOf({ source, template }: JobSpec): string[] {
  return [source.digest, ...(template ? [template.digest] : [])];
}

/** Returns the names of the indexes of a job besides those of its state. Each is a sorted set of ids, which sort by time. */
export function indexNames(spec: JobSpec, tenant: string): string[] {
  return [
    `tenant:${tenant}`,
    ...new Set([spec.image, ...(spec.tags ?? [])].map((image) => `image:${repositoryOf(image)}`)),
    ...(spec.function ? [`function:${spec.function}`] : []),
    ...Object.entries(spec.labels).map(([name, value]) => `label:${name}=${value}`),
  ];
}
