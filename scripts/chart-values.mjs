// The tables of values in the README of the Helm chart, made from the comments of its values.yaml.
import { isMap, parseDocument, stringify } from 'yaml';

/** Longer defaults are in values.yaml alone. */
const longestDefault = 120;
const section = /(<!-- values -->\n)[\s\S]*?(<!-- end -->)/;

/** Returns the page with its tables filled from the text of values.yaml. Throws for a value that no comment describes. */
export function chartReadme(page, text) {
  const { contents } = parseDocument(text);
  const tables = new Map([['Common', []]]);
  for (const [index, pair] of contents.items.entries()) {
    const name = pair.key.value;
    const rows = rowsOf(pair, { path: [name], comment: commentOf(contents, index) });
    const title = isMap(pair.value) && !pair.value.flow ? name : 'Common';
    tables.set(title, [...(tables.get(title) ?? []), ...rows]);
  }
  const filled = [...tables].map(
    ([title, rows]) => `### ${title}\n\n| value | default | meaning |\n|---|---|---|\n${rows.join('\n')}\n`,
  );
  return page.replace(section, (_whole, begin, end) => `${begin}\n${filled.join('\n')}\n${end}`);
}

/** Returns the rows of a value and of those below it. Values without a comment of their own belong to the row above them. */
function rowsOf({ value }, { path, comment }) {
  if (!isMap(value) || value.flow) {
    if (comment === undefined) throw new Error(`values.yaml: ${path.join('.')} has no comment`);
    return [row(path, comment, value?.toJSON())];
  }
  const children = value.items.map((pair, index) => ({
    pair,
    path: [...path, pair.key.value],
    comment: commentOf(value, index),
  }));
  const isDescribed = comment !== undefined;
  const isPlain = ({ pair, comment: own }) => own === undefined && (!isMap(pair.value) || pair.value.flow);
  const bare = isDescribed ? children.filter(isPlain) : [];
  const bundle = Object.fromEntries(bare.map(({ pair }) => [pair.key.value, pair.value.toJSON()]));
  const own = isDescribed ? [row(path, comment, bare.length > 0 ? bundle : undefined)] : [];
  return [
    ...own,
    ...children.filter((child) => !bare.includes(child)).flatMap((child) => rowsOf(child.pair, child)),
  ];
}

/** Returns the comment directly above a value, without its indented lines, which are examples. */
function commentOf(map, index) {
  const { key } = map.items[index];
  const comment = key.commentBefore ?? (index === 0 ? map.commentBefore : undefined);
  return comment
    ?.split(/\n\s*\n/)
    .at(-1)
    .split('\n')
    .filter((line) => !line.startsWith('   '))
    .map((line) => line.trim())
    .join(' ');
}

function row(path, comment, value) {
  const text = stringify(value ?? null, { collectionStyle: 'flow', lineWidth: 0 }).trim();
  const shown = value === undefined ? '' : text.length > longestDefault ? 'see values.yaml' : `\`${text}\``;
  return `| \`${path.join('.')}\` | ${shown} | ${comment.replaceAll('|', '\\|')} |`;
}
