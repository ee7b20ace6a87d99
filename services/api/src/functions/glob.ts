/**
 * Whether `text` fits `pattern`, in which `*` stands for any characters, also none, and everything else for itself. Takes at
 * most the product of both lengths, whatever the pattern.
 */
export function globFits(pattern: string, text: string): boolean {
  let [at, of] = [0, 0];
  // Where the last `*` stands, and how far what it stands for reaches.
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
