import { hash } from 'node:crypto';
import type { ErrorCode } from '@slipway/shared/errors';

/** The result of an accepted archive: each path with the content of a file, `/` for a folder, or `-> ` and a target. */
export type NormalForm = Readonly<Record<string, string>>;

/** A malicious archive, or one that harms a careless reader. */
export interface HostileArchive {
  readonly name: string;
  /** The CVE or the trick that it tests. */
  readonly standsFor: string;
  readonly archive: Buffer;
  /** The error code, or all entries of the accepted archive. */
  readonly expected: ErrorCode | NormalForm;
}

type Row = readonly [name: string, expected: ErrorCode | NormalForm, archive: Buffer];

/** Returns archives that test the same thing. */
export const family = (standsFor: string, rows: readonly Row[]): HostileArchive[] =>
  rows.map(([name, expected, archive]) => ({ name, standsFor, archive, expected }));

/** Returns the digest of a normal form, derived from the specification (docs of `formatManifest`) and not from its code. */
export function digestOf(form: NormalForm): string {
  const contents = Object.entries(form);
  const isFile = (value: string) => value !== '/' && !value.startsWith('-> ');
  const files = contents.filter(([, value]) => value !== '/').length;
  const bytes = contents
    .filter(([, value]) => isFile(value))
    .reduce((sum, [, value]) => sum + Buffer.byteLength(value), 0);
  const lines = contents
    .toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([path, value]) => {
      const name = JSON.stringify(path);
      if (value === '/') return `{"path":${name},"type":"folder"}`;
      if (!isFile(value)) return `{"path":${name},"type":"link","target":${JSON.stringify(value.slice(3))}}`;
      const sha256 = hash('sha256', value);
      return `{"path":${name},"type":"file","mode":"0644","size":${Buffer.byteLength(value)},"sha256":"${sha256}"}`;
    });
  const text = `{"version":1,"files":${files},"bytes":${bytes},"entries":[\n${lines.join(',\n')}\n]}\n`;
  return `sha256:${hash('sha256', text)}`;
}
