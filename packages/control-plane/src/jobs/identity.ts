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

/** Whose job it is. */
export interface Tenant {
  readonly name: string;
  /** Its share of the fleet against other tenants', above 0. */
  readonly weight: number;
}

/** What one pool builds of a job that no pool builds alone. */
export interface PartPlan {
  readonly pool: string;
  readonly platforms: readonly string[];
}

/** What the record of a job says about its parts, and what their own jobs are made of; see lua/jobs/include/settle.lua. */
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

/** CI is told of the whole alone: a commit has one state an image. */
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

/** Also without the tags, which name the whole alone. */
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

/** Strings in one text that a script takes apart without decoding them: each with its length in bytes before it. */
const stringList = (strings: readonly string[]): string =>
  strings.map((text) => `${Buffer.byteLength(text)}:${text}`).join('');

const maxTagLength = 128;

/** A reference of its own for what one pool builds: the tag with the pool's name. */
function partImage(image: string, pool: string): string {
  const reference = parseImageReference(image);
  if (!reference) return image;
  const tag = (reference.tag ?? 'latest').slice(0, maxTagLength - pool.length - 1);
  return `${imageRepository(reference)}:${tag}-${pool}`;
}

/**
 * Returns the references that a job pushes to, in order: its image as it is written, then, each in its one spelling, those that are not spelled so.
 * Empty for a job that does not push.
 */
export function referencesOf({ image, tags = [], push }: JobSpec): string[] {
  if (!push) return [];
  return [...new Set([image, ...[image, ...tags].map((each) => canonicalImage(each) ?? each)])];
}

/** References of its own in the other repositories that the whole is pushed to: an index there refers to manifests of the same repository. */
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

/** Under which name build times and layers are remembered: those of one pool say nothing about another. */
export function buildsLike(spec: JobSpec, { tenant, pool }: { tenant: Tenant; pool: string }): string {
  const name = `${tenant.name}/${spec.function ?? repositoryOf(spec.image)}`;
  return pool === defaultPool ? name : `${name} ${pool}`;
}

/** Whether a field decides what the image is: then jobs that differ in it never share an image. The others say where, when and for whom it is built. */
const decidesImage = {
  ...{ source: true, template: true, build_args: true, platforms: true, push: true },
  ...{ secrets: true, sbom: true, provenance: true },
  ...{ dockerfile: true, target: true, tags: true, image_labels: true, annotations: true },
  ...{ no_cache: true, pull: true },
  ...{ image: false, function: false, pool: false, priority: false, timeout: false, labels: false },
  ...{ callback: false, vcs: false, skip_if_unchanged: false, force: false },
} satisfies Record<keyof JobSpec, boolean>;

/** Fields that the first keys were made of, which stay as they were. */
const firstFields: readonly string[] = [
  ...['source', 'template', 'build_args', 'platforms', 'push', 'secrets', 'sbom', 'provenance'],
];

/** All that goes into an image, as one digest: two jobs with the same give the same image. */
export function buildKey(spec: JobSpec, pool: string): string {
  const { source, template, build_args, platforms, push, secrets, sbom, provenance } = spec;
  const laid = template && [template.digest, template.handler_folder];
  // What a builder makes of no platform is its own: each pool makes something else.
  const own = platforms.length === 0 && pool !== defaultPool ? [pool] : [];
  const later = laterFields(spec);
  return hash(
    'sha256',
    JSON.stringify([
      ...[
        source.digest,
        laid,
        sortedEntries(build_args),
        platforms.map(normalPlatform).sort(),
        push,
        secrets?.sealed,
      ],
      ...[sbom, provenance, ...own, ...(later.length > 0 ? [later] : [])],
    ]),
  );
}

/** Leaves out options that ask for nothing, so that the key stays the same without them. */
function laterFields(spec: JobSpec): [name: string, value: unknown][] {
  return Object.entries(decidesImage)
    .filter(([name, decides]) => decides && !firstFields.includes(name))
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

/** The digests of the sources it is built from. */
export function sourcesOf({ source, template }: JobSpec): string[] {
  return [source.digest, ...(template ? [template.digest] : [])];
}

/** The indexes a job is found by, besides its state: each a sorted set of ids, which sort by time. */
export function indexNames(spec: JobSpec, tenant: string): string[] {
  return [
    `tenant:${tenant}`,
    ...new Set([spec.image, ...(spec.tags ?? [])].map((image) => `image:${repositoryOf(image)}`)),
    ...(spec.function ? [`function:${spec.function}`] : []),
    ...Object.entries(spec.labels).map(([name, value]) => `label:${name}=${value}`),
  ];
}
