/**
 * Returns true if `text` matches `pattern`, in which `*` stands for any characters, or none, and every other character for itself.
 * Takes at most the product of both lengths, for any pattern.
 */
export function globFits(pattern: string, text: string): boolean {
  let [at, of] = [0, 0];
  // The position of the last `*`, and the end of the text that it matches.
  let star = -1;
  let reach = 0;
  while (at < text.length) {
    if (pattern[of] === '*') {
      star = of++;
      reach = at;
    } else if (pattern[of] === text[at]) {
      at++;
      of++;
    } else if (star >= 0) {
      of = star + 1;
      at = ++reach;
    } else return false;
  }
  while (pattern[of] === '*') of++;
  return of === pattern.length;
}
