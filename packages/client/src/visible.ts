/** Format characters: bidirectional controls, zero-width characters, tags. They change how text is read and are invisible. */
const invisible = /[\p{Cf}\u2028\u2029]/gu;

/**
 * Returns the text with its invisible characters escaped as `\uXXXX`, so that readers see the real text. Valid
 * JSON stays valid and keeps its meaning.
 */
export function visible(text: string): string {
  return text.replace(invisible, (character) =>
    Array.from({ length: character.length }, (_, at) => {
      return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}
