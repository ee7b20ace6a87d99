import { parseImageReference } from '../contracts/image-reference.js';

/** Formats milliseconds: `340 ms`, `4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return '0 ms';
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return twoUnits(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return twoUnits(hours, 'h', minutes % 60, 'min');
  return twoUnits(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

const twoUnits = (amount: number, unit: string, rest: number, restUnit: string) =>
  rest === 0 ? `${amount} ${unit}` : `${amount} ${unit} ${rest} ${restUnit}`;

/** Formats the time relative to now with one unit: `just now`, `4 min ago`, `in 20 s`. Both are milliseconds since 1970. */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(now - at);
  if (distance < 5_000) return 'just now';
  const [amount, unit] = formatDuration(Math.max(distance, 10_000)).split(' ');
  return at > now ? `in ${amount} ${unit}` : `${amount} ${unit} ago`;
}

/** Formats bytes: `999 B`, `1.2 kB`, `34 MB` (powers of 1,000). */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 9.95 ? 1 : 0)} ${units[unit]}`;
}

/** Formats a count: `1 job`, `2 jobs`, `1,204 jobs`. `plural` is for irregular plurals. */
export const count = (amount: number, one: string, plural = `${one}s`): string =>
  `${amount.toLocaleString('en')} ${amount === 1 ? one : plural}`;

/** Formats a share of 1 as whole percent. Only 1 becomes 100 %, and only 0 becomes 0 %. */
export function percent(share: number): string {
  if (share > 0 && share < 0.01) return '<1%';
  if (share < 1 && share > 0.99) return '99%';
  return `${Math.round(share * 100)}%`;
}

/** Formats pairs as on a command line: `team=core, env=prod`. */
export const formatPairs = (pairs: Readonly<Record<string, string>>): string =>
  Object.entries(pairs)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');

/** Returns the algorithm of a digest and enough of its hash to identify it: `sha256:1f2e3d4c5b6a`. */
export const shortDigest = (digest: string): string => digest.slice(0, digest.indexOf(':') + 13);

/** Returns enough of a digest's hash to identify it: `1f2e3d4c5b6a`. */
export const shortHash = (digest: string): string => shortDigest(digest).slice(digest.indexOf(':') + 1);

/** Returns the path of an image without registry, tag and digest: `registry.example.com:5000/team/app:1.2` → `team/app`. */
export const imagePath = (image: string): string => parseImageReference(image)?.path ?? image;

const builderPrefix = /^([vsl]): \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?/;
const builderLineKinds = { v: 'step', s: 'status', l: 'output' } as const;

/** A line of a builder's log without its prefix: a step, the engine's status inside a step, or output of a step. */
export interface BuilderLine {
  readonly kind: 'step' | 'status' | 'output';
  readonly text: string;
}

/** Reads `v: 2022-06-23T09:10:12Z [ship 15/16] RUN npm test 0.35s`. Returns undefined for a line without such a prefix. */
export function parseBuilderLine(line: string): BuilderLine | undefined {
  const match = builderPrefix.exec(line);
  if (!match) return undefined;
  return {
    kind: builderLineKinds[match[1] as keyof typeof builderLineKinds],
    text: line.slice(match[0].length),
  };
}
