import type { FieldError } from './slipway-error.js';

/** Half of a surrogate pair: JSON can spell one (`"\ud83d"`), and UTF-8 cannot hold it. */
const half = /\p{Surrogate}/u;

/** Returns the first text in a value, or name of a field, that is no well-formed Unicode; undefined when there is none. */
export function brokenText(value: unknown): FieldError | undefined {
  const left: { readonly value: unknown; readonly path: string }[] = [{ value, path: '' }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { path } = next;
    if (typeof next.value === 'string' && half.test(next.value)) {
      return { path, message: 'holds half of a surrogate pair, which is no character' };
    }
    if (typeof next.value !== 'object' || next.value === null) continue;
    for (const [key, inner] of Object.entries(next.value)) {
      if (half.test(key)) return { path, message: 'has a field whose name holds half of a surrogate pair' };
      if (typeof inner === 'string' ? half.test(inner) : typeof inner === 'object') {
        left.push({
          value: inner,
          path: `${path}/${key.slice(0, 128).replaceAll('~', '~0').replaceAll('/', '~1')}`,
        });
      }
    }
  }
  return undefined;
}
