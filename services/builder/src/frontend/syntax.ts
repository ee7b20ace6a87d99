import { type JsonBounds, parseJson } from '@slipway/shared/json';

/**
 * Returns the frontend that a Dockerfile asks BuildKit to load, by the rules of BuildKit's own parser
 * (frontend/dockerfile/parser/directives.go, `DetectSyntax`): after a byte order mark and a shebang line, directives
 * (`key=value`) in leading `#` comments, else in leading `//` comments, else a key of a JSON object. Undefined when it
 * asks for none. Where BuildKit reports an error (a directive given twice), this still answers with what was asked for.
 */
export function syntaxOf(dockerfile: Buffer): string | undefined {
  let text = dockerfile.toString('utf8');
  if (text.startsWith('\uFEFF')) text = text.slice(1);
  if (text.startsWith('#!')) text = text.includes('\n') ? text.slice(text.indexOf('\n') + 1) : '';
  return directive(text, '#') ?? directive(text, '//') ?? jsonDirective(text);
}

/** White space as in Go's unicode.IsSpace. */
const leadingSpace = /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;
/** As Go's regular expressions read it, `\s` is ASCII alone. The value is taken apart by hand: it may be very long. */
const keyAndEquals = /^([a-zA-Z][a-zA-Z0-9]*)[\t\f\r ]*=/;
const directives = new Set(['syntax', 'escape', 'check']);

function directive(text: string, comment: string): string | undefined {
  for (const line of text.split('\n')) {
    if (!line.startsWith(comment)) return undefined;
    const content = line.slice(comment.length).replace(/\r$/, '').replace(leadingSpace, '');
    const match = keyAndEquals.exec(content);
    const key = match?.[1]?.toLowerCase();
    const value = content.slice(match?.[0].length);
    if (key === undefined || !directives.has(key) || value === '') return undefined;
    if (key === 'syntax') return firstWord(value);
  }
  return undefined;
}

function firstWord(value: string): string {
  return (
    value
      .replace(/^[\t\f\r ]+/, '')
      .split(' ')[0]
      ?.replace(/[\t\f\r]{1,100}$/, '') ?? ''
  );
}

/** A Dockerfile is as large as its author wants. One that holds more is taken for a foreign frontend. */
const bounds: JsonBounds = { maxDepth: 32, maxTokens: 10_000, maxItems: 10_000 };

/** No instruction begins with a brace, so a text that does is for a foreign frontend, whether this can read it or not. */
function jsonDirective(text: string): string | undefined {
  if (!/^[\t\n\r ]*\{/.test(text)) return undefined;
  try {
    const { syntax } = parseJson({ bytes: Buffer.from(text), bounds, what: 'The Dockerfile' }) as {
      syntax?: unknown;
    };
    return typeof syntax === 'string' ? syntax : '';
  } catch {
    return '';
  }
}
