import { InvalidArgumentError } from 'commander';

const units = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i;

/** Parses an age (`90s`, `30m`, `2h`, `3d`) or a time of RFC 3339, and returns RFC 3339 in UTC. */
export function since(text: string): string {
  const [, amount, unit] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  if (amount !== undefined) {
    return new Date(Date.now() - Number(amount) * units[unit as keyof typeof units] * 1_000).toISOString();
  }
  const time = rfc3339.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(time)) return new Date(time).toISOString();
  throw new InvalidArgumentError(
    'It must be a time back, such as 30m, 2h or 3d, or one such as 2026-01-31T14:00:00Z.',
  );
}
