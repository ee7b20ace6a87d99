import type { Fields } from '@slipway/shared/config';
import { defaultPool, poolNameSchema } from '@slipway/shared/contracts';
import { normalPlatform, parsePlatform, repeatedPlatform } from '@slipway/shared/platforms';
import { type KubernetesConfig, kubernetesConfig } from '../kubernetes/config.js';
import { type DiscoveryKindName, discoveryKinds } from './kinds/index.js';

export interface FleetConfig {
  readonly builders: readonly BuilderEntry[];
  /** Undefined outside of a cluster. */
  readonly kubernetes?: KubernetesConfig | undefined;
  /** Write the builds of each pod into its annotation, so that a scale-in removes idle pods first. */
  readonly podDeletionCost: boolean;
}

export function fleetConfig(fields: Fields): FleetConfig {
  const doc = 'The replicas, comma-separated; [the form](#the-form-of-builders)';
  const kubernetes = kubernetesConfig(fields);
  const parse = (text: string) => inCluster(parseBuilders(text), kubernetes);
  return {
    builders: fields.parsed('BUILDERS', { doc, parse }) ?? [],
    kubernetes,
    podDeletionCost: fields.bool('POD_DELETION_COST', {
      doc: '`true` in a cluster: a scale-in removes [idle builders first](builders.md#idle-builders-first)',
      default: false,
    }),
  };
}

function inCluster(entries: BuilderEntry[], kubernetes: KubernetesConfig | undefined): BuilderEntry[] {
  const entry = entries.find(({ kind }) => kind === 'k8s');
  if (!entry || kubernetes) return entries;
  throw new Error(
    `names ${entry.url}, which only a pod of Kubernetes can follow: KUBERNETES_SERVICE_HOST is not set. Name builders elsewhere by http:// or dns+http://`,
  );
}

const kindNames = Object.keys(discoveryKinds) as DiscoveryKindName[];

/** An entry of `BUILDERS`: a replica, or a name that stands for many. */
export interface BuilderEntry {
  readonly kind: DiscoveryKindName;
  /** The entry without its settings, as its kind writes it. */
  readonly url: string;
  /** Concurrent builds of each replica. Undefined if the entry sets no limit. */
  readonly max: number | undefined;
  /** The pool that its replicas belong to. */
  readonly pool: string;
  /** Platforms that the replicas build, in normal form. Empty means any. */
  readonly platforms: readonly string[];
}

/**
 * Parses a comma-separated list of entries of all kinds, each with optional settings, e.g. `#max=4&pool=arm&platforms=linux/arm64+linux/arm/v7`.
 * Throws on anything else, and when one pool is to build different platforms.
 */
export function parseBuilders(text: string): BuilderEntry[] {
  const entries = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parseBuilder);
  if (entries.length === 0) throw new Error('names no builder');
  const twice = entries.find(({ url }, at) => entries.findIndex((other) => other.url === url) !== at);
  if (twice) throw new Error(`names ${twice.url} twice`);
  for (const { pool, platforms } of entries) {
    const other = entries.find((entry) => entry.pool === pool && entry.platforms.join() !== platforms.join());
    if (other) throw new Error(`must give all builders of the pool ${pool} the same platforms`);
  }
  return entries;
}

function parseBuilder(item: string): BuilderEntry {
  const [text = '', ...settings] = item.split('#');
  const all = Object.values(discoveryKinds);
  if (!URL.canParse(text)) throw new Error(`must hold URLs like ${all.map(({ form }) => form).join(' or ')}`);
  const scheme = new URL(text).protocol.slice(0, -1);
  const kind = kindNames.find((name) => discoveryKinds[name].schemes.some((each) => each === scheme));
  if (kind === undefined) {
    const schemes = all.flatMap(({ schemes: of }) => of);
    throw new Error(`must hold URLs of ${schemes.join(', ')}, not ${scheme}://`);
  }
  return { kind, url: discoveryKinds[kind].parse(text), ...parseSettings(settings.join('#')) };
}

/** Parses the settings of an entry or a pool. Not a query: `+` is a separator here. */
export function parseSettings(text: string): Pick<BuilderEntry, 'max' | 'pool' | 'platforms'> {
  const settings = new Map<string, string>();
  for (const part of text === '' ? [] : text.split('&')) {
    const [, name, value] = /^(max|pool|platforms)=(.+)$/.exec(part) ?? [];
    if (name === undefined || value === undefined || settings.has(name)) {
      throw new Error(`must end with #max=4&pool=arm&platforms=linux/arm64 or some of it: '#${text}'`);
    }
    settings.set(name, value);
  }
  const max = settings.get('max');
  if (max !== undefined && !/^[1-9]\d{0,3}$/.test(max))
    throw new Error(`must say 1 to 9999 as max, not '${max}'`);
  const pool = settings.get('pool') ?? defaultPool;
  if (!poolNameSchema.safeParse(pool).success) {
    throw new Error(`must name a pool with 1 to 32 lower-case letters, digits and -, not '${pool}'`);
  }
  const spelled = settings.get('platforms')?.split('+') ?? [];
  const odd = spelled.find((platform) => parsePlatform(platform) === undefined);
  if (odd !== undefined) throw new Error(`must name platforms like linux/arm64+linux/arm/v7, not '${odd}'`);
  const repeated = repeatedPlatform(spelled);
  if (repeated !== undefined) throw new Error(repeated);
  const platforms = spelled.map(normalPlatform).sort();
  return { max: max === undefined ? undefined : Number(max), pool, platforms };
}
