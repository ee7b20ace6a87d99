import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';

/** Throws an error that refuses the file, with the problem and its line if known. */
export type Refuse = (message: string, line?: number) => never;

/** A node of a file. Every scalar is the written text: `1.10` is not `1.1`, as in `faas-cli`. */
export type Node = string | undefined | readonly Node[] | Fields;

/** A map of a file, with the line of each name. */
export class Fields extends Map<string, Node> {
  readonly lines = new Map<string, number>();
}

/** Returns the first document of a text. Calls `refuse` for invalid YAML. */
export function parseYaml(text: string, refuse: Refuse): Node {
  const lineCounter = new LineCounter();
  const [document] = parseAllDocuments(text, { schema: 'failsafe', uniqueKeys: true, lineCounter });
  const parsed = document as Document | undefined;
  const problem = parsed?.errors[0];
  if (problem) refuse(problem.message.split('\n')[0]?.replace(/:$/, '') ?? problem.code);
  return parsed ? resolve({ node: parsed.contents, document: parsed, lineCounter, depth: 0 }) : undefined;
}

interface Resolve {
  readonly node: unknown;
  readonly document: Document;
  readonly lineCounter: LineCounter;
  readonly depth: number;
}

/** Resolves aliases and merge keys. An empty plain scalar, `~` and `null` become undefined. */
function resolve({ node, depth, ...file }: Resolve): Node {
  const inner = (each: unknown) => resolve({ ...file, node: each, depth: depth + 1 });
  if (depth > 100) return undefined;
  if (isAlias(node)) return inner(node.resolve(file.document));
  if (isScalar(node)) {
    const value = String(node.value ?? '');
    return node.type === 'PLAIN' && /^(?:|~|null|Null|NULL)$/.test(value) ? undefined : value;
  }
  if (isSeq(node)) return node.items.map(inner);
  if (!isMap(node)) return undefined;
  const own = new Fields();
  const merged = new Fields();
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : textOf(inner(key));
    const resolved = inner(value);
    if (name === undefined) continue;
    if (name !== '<<') {
      own.set(name, resolved);
      const at = isScalar(key) ? key.range?.[0] : undefined;
      if (at !== undefined) own.lines.set(name, file.lineCounter.linePos(at).line);
      continue;
    }
    for (const each of isList(resolved) ? resolved : [resolved]) {
      if (each instanceof Fields) lay(each, merged);
    }
  }
  lay(merged, own);
  return own;
}

/** Adds the missing fields to a map from another map. */
function lay(from: Fields, onto: Fields): void {
  for (const [name, value] of from) {
    if (onto.has(name)) continue;
    onto.set(name, value);
    const line = from.lines.get(name);
    if (line !== undefined) onto.lines.set(name, line);
  }
}

const isList = (node: Node): node is readonly Node[] => Array.isArray(node);
export const textOf = (node: Node): string | undefined => (typeof node === 'string' ? node : undefined);
export const itemsOf = (node: Node): readonly Node[] => (isList(node) ? node : []);

export function fieldOf(node: Node, ...path: readonly string[]): Node {
  let found = node;
  for (const name of path) found = found instanceof Fields ? found.get(name) : undefined;
  return found;
}

/** Returns a reader of a map, which is empty for undefined. Calls `refuse` for any other node; its message names the map. */
export function readerOf(node: Node, refuse: Refuse): FieldReader {
  if (node !== undefined && !(node instanceof Fields)) return refuse('must be a map');
  return new FieldReader(node ?? new Fields(), refuse);
}

/** Reads the fields of one map, and refuses values of a type that `faas-cli` refuses. */
export class FieldReader {
  readonly #fields: Fields;
  readonly #refuse: Refuse;

  constructor(fields: Fields, refuse: Refuse) {
    this.#fields = fields;
    this.#refuse = refuse;
  }

  get names(): string[] {
    return [...this.#fields.keys()];
  }

  text(name: string): string | undefined {
    const value = this.#fields.get(name);
    if (value === undefined || typeof value === 'string') return value;
    return this.refuse(name, `is a ${isList(value) ? 'list' : 'map'}, and must be a text`);
  }

  truth(name: string): boolean {
    const text = this.text(name) ?? 'false';
    if (/^(?:true|y|yes|on)$/i.test(text)) return true;
    if (/^(?:false|n|no|off)$/i.test(text)) return false;
    return this.refuse(name, `is ${JSON.stringify(text)}, and must be true or false`);
  }

  list(name: string): string[] {
    const value = this.#fields.get(name);
    if (value === undefined) return [];
    if (!isList(value)) return this.refuse(name, 'must be a list');
    return value.map((item) =>
      item === undefined || typeof item === 'string'
        ? (item ?? '')
        : this.refuse(name, 'must be a list of texts'),
    );
  }

  texts(name: string): Record<string, string> {
    const value = this.#fields.get(name);
    if (value === undefined) return {};
    if (!(value instanceof Fields)) return this.refuse(name, 'must be a map');
    const entries = [...value].map(([key, text]) =>
      text === undefined || typeof text === 'string'
        ? [key, text ?? '']
        : this.#refuse(`${name}.${key} must be a text`, value.lines.get(key)),
    );
    return Object.fromEntries(entries) as Record<string, string>;
  }

  /** Returns a reader of a nested map. */
  inner(name: string): FieldReader {
    const node = this.#fields.get(name);
    if (node !== undefined && !(node instanceof Fields)) return this.refuse(name, 'must be a map');
    return readerOf(node, (message, line) =>
      this.#refuse(`${name}.${message}`, line ?? this.#fields.lines.get(name)),
    );
  }

  refuse(name: string, what: string): never {
    return this.#refuse(`${name} ${what}`, this.#fields.lines.get(name));
  }
}
