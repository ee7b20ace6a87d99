import { isIgnored, linesOf, space } from '@slipway/shared/dockerfile';

/** Characters of an instruction that `mayMount` compares. */
const maxHead = 200;
const spaces = new RegExp(`${space}+`, 'g');
const runWithFlag = /^ ?(?:onbuild )*run --/i;
const onlyOnbuild = /^ ?(?:onbuild )+$/i;

/**
 * Returns true if a step of the Dockerfile may mount something: if any RUN, in ONBUILD too, has a flag. buildah finds the layer of a step by its text
 * alone, so such a layer holds the files, stages and secrets of an earlier build.
 *
 * The check takes each line as the start of an instruction, and both escape characters as continuations. So it is safe for each parser version:
 * here-documents, directives and comments can only cost a build its cached layers.
 */
export function mayMount(dockerfile: string): boolean {
  const lines = linesOf(dockerfile);
  let below = '';
  for (let at = lines.length - 1; at >= 0; at--) {
    const line = lines[at] ?? '';
    if (isIgnored(line)) continue;
    const continued = /[\\`][ \t]*$/.exec(line);
    const head = continued ? line.slice(0, continued.index) + below : line;
    below = head.replace(spaces, ' ').slice(0, maxHead);
    if (runWithFlag.test(below) || (below.length === maxHead && onlyOnbuild.test(below))) return true;
  }
  return false;
}
