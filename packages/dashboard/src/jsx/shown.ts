import { visible } from '@slipway/client';

type Props = Readonly<Record<string, unknown>>;

/** What readers see or hear of an element. What they edit, such as `value`, stays as it is. */
const readable = ['children', 'title', 'aria-label', 'alt', 'placeholder'];

/** The props of an element with the invisible characters of its texts escaped. Returns the same object when there are none. */
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

/** Elements among children were made by the same functions, so only texts and lists are looked at. */
function shownNode(node: unknown): unknown {
  if (typeof node === 'string') return visible(node);
  if (!Array.isArray(node)) return node;
  const seen = node.map(shownNode);
  return seen.some((each, at) => each !== node[at]) ? seen : node;
}
