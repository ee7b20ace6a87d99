/**
 * Free text as one line of at most `max` UTF-16 units, for fields of APIs that refuse longer ones; GitHub also refuses
 * characters of four bytes.
 */
export function oneLine(text: string, max: number): string {
  const line = text
    .replace(/[\s\p{Cc}\p{Cf}]+/gu, ' ')
    .replace(/[\u{10000}-\u{10ffff}\ud800-\udfff]/gu, '\ufffd')
    .trim();
  return line.length <= max ? line : `${line.slice(0, max - 1).trimEnd()}…`;
}
