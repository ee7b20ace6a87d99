import type { FieldError } from './slipway-error.js';

/** Half of a surrogate pair. JSON can spell one (`"\ud83d"`), but UTF-8 cannot encode it. */
const half = /\p{Surrogate}/u;

/** Returns the first string or field name in a value that is not well-formed Unicode; undefined when there is none. */
export function brokenText(value: unknown): FieldError | undefined {
  const left: { readonly value: unknown; readonly path: string }[] = [{ value, path: '' }];
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { path } = next;
    if (typeof next.value === 'string' && half.test(next.value)) {
      return { path, message: 'holds half of a surrogate pair, which is not a character' };
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
