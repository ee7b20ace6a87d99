/** Format characters: bidirectional controls, zero-width characters, tags. They change how text is read and have no shape. */
const invisible = /[\p{Cf}\u2028\u2029]/gu;

/**
 * The text with its invisible characters escaped as `\uXXXX`, so that nobody reads another text than the one that is there. What is valid
 * JSON stays valid, and means the same.
 */
export function visible(text: string): string {
  return text.replace(invisible, (character) =>
    Array.from({ length: character.length }, (_, at) => {
      return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
    }).join(''),
  );
}
