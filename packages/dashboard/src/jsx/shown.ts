import { visible } from '@slipway/client';

type Props = Readonly<Record<string, unknown>>;

/** Props that readers see or hear. Props that they edit, such as `value`, are not changed. */
const readable = ['children', 'title', 'aria-label', 'alt', 'placeholder'];

/** Returns the props with the invisible characters of their texts escaped, or the same object when there are none. */
export function shown(props: Props): Props {
  let changed: Record<string, unknown> | undefined;
  for (const name of readable) {
    const given = props[name];
    const seen = shownNode(given);
    if (seen === given) continue;
    changed ??= { ...props };
    changed[name] = seen;
  }
  return changed ?? props;
}

/** Child elements were made by the same functions, so only texts and lists are checked. */
function shownNode(node: unknown): unknown {
  if (typeof node === 'string') return visible(node);
  if (!Array.isArray(node)) return node;
  const seen = node.map(shownNode);
  return seen.some((each, at) => each !== node[at]) ? seen : node;
}
