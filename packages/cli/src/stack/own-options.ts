import { checked, isTagAlone } from '../build-options/check.js';
import type { RequestedOptions } from '../build-options/options.js';
import type { FieldReader } from './fields.js';

/** Options in the `slipway` map of a function in a stack.yaml, which `faas-cli` ignores. */
export interface OwnOptions {
  readonly options: RequestedOptions;
  /** References, or tags without a repository for the image of the function. */
  readonly tags: readonly string[];
}

const names = ['dockerfile', 'target', 'tags', 'image_labels', 'annotations', 'no_cache', 'pull'] as const;
/** Names that have another meaning for `faas-cli` in a function. */
const deployed: readonly string[] = ['annotations'];

/** Reads the `slipway` map of a function. Refuses unknown names, and options of the map outside of it. */
export function readOwnOptions(fn: FieldReader): OwnOptions {
  for (const name of names) {
    if (fn.names.includes(name) && !deployed.includes(name))
      fn.refuse(name, 'belongs in the map `slipway` of the function');
  }
  const own = fn.inner('slipway');
  const unknown = own.names.find((name) => !(names as readonly string[]).includes(name));
  if (unknown !== undefined) own.refuse(unknown, `is not known: it may be ${names.join(', ')}`);
  const text = (name: 'dockerfile' | 'target') => {
    const value = own.text(name);
    return value === undefined
      ? {}
      : { [name]: checked(name, value, (fault) => own.refuse(name, `cannot be used: ${fault}`)) };
  };
  const texts = (name: 'image_labels' | 'annotations') => {
    const value = own.texts(name);
    if (Object.keys(value).length === 0) return {};
    return { [name]: checked(name, value, (fault) => own.refuse(name, `cannot be used: ${fault}`)) };
  };
  const tags = own.list('tags');
  checked(
    'tags',
    tags.filter((tag) => !isTagAlone(tag)),
    (fault) => own.refuse('tags', `cannot be used: ${fault}`),
  );
  return {
    tags,
    options: {
      ...text('dockerfile'),
      ...text('target'),
      ...texts('image_labels'),
      ...texts('annotations'),
      ...(own.truth('no_cache') && { no_cache: true }),
      ...(own.truth('pull') && { pull: true }),
    },
  };
}
