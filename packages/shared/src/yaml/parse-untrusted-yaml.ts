import { type CST, type ParseOptions, Parser, parse, type SchemaOptions, type ToJSOptions } from 'yaml';

type Options = Pick<ParseOptions & SchemaOptions & ToJSOptions, 'maxAliasCount' | 'schema'>;

/** Limit of levels. The files that Slipway reads have fewer than ten. */
const maxDepth = 100;

/**
 * Returns the content of a YAML file from a stranger. Throws an error when the file is not UTF-8 or not YAML, or is nested too deeply.
 *
 * `yaml` composes a document by recursion. Where the stack ends in the middle of a regular expression that V8 compiles, V8 ends the process
 * instead of throwing an error. The tokens of a document are read without recursion, so their depth is checked first.
 */
export function parseUntrustedYaml(content: Uint8Array, options: Options = {}): unknown {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(content);
  if (isDeep(new Parser().parse(text))) throw new Error(`it is nested more than ${maxDepth} levels deep`);
  return parse(text, { ...options, logLevel: 'error', prettyErrors: false });
}

function isDeep(documents: Iterable<CST.Token>): boolean {
  let level: readonly CST.Token[] = [...documents];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxDepth) return true;
    level = level.flatMap(tokensIn);
  }
  return false;
}

function tokensIn(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value ? [token.value] : [];
  if (!('items' in token)) return [];
  return token.items.flatMap(({ key, value }) =>
    [key, value].filter((each) => each !== null && each !== undefined),
  );
}
