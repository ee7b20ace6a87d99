import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type Field, runBundle, type ScriptBundle } from './bundle.js';
import type { Redis } from './connect.js';
import { type Keys, luaKeys } from './keys.js';

/** The Lua files of a package. */
export interface LuaFolder {
  /** The folder of the files; ends with a slash. */
  readonly url: URL;
  /** Constants that its files name as `constants.<name>`. */
  readonly constants?: Readonly<Record<string, number>>;
  /** Folders of other packages that it includes files from. */
  readonly includes?: readonly LuaFolder[];
}

/** A Lua file that Redis runs as one atomic step. */
export interface Script<Args> {
  /** Returns the result of the file. Rejects with a ZodError for invalid arguments. */
  run(on: { readonly redis: Redis; readonly keys: Keys }, args: Args): Promise<unknown>;
  /** Returns the file with its includes, for `runBundle`. */
  bundle(): ScriptBundle;
}

interface ScriptOptions<Shape extends z.ZodRawShape> {
  readonly folder: LuaFolder;
  /** The path of the file in its folder, without `.lua`. */
  readonly file: string;
  /** Arguments that the file names as `args.<name>`. Lists follow all other arguments. An optional argument is nil when it is absent or empty. */
  readonly args: z.ZodObject<Shape>;
}

const runtime: LuaFolder = { url: new URL('../../lua/', import.meta.url) };

/**
 * Defines a script. Redis receives it once, and then runs it by its SHA-1. A Lua file has these names: `base`, the prefix of every
 * key; `keys`, the keys of `keys.ts`; `args`, its arguments; `constants`, those of its folder. A line `--- @include "path"` stands
 * for the file of that path, which is included once.
 */
export function defineScript<Shape extends z.ZodRawShape>({
  folder,
  file,
  args,
}: ScriptOptions<Shape>): Script<z.input<z.ZodObject<Shape>>> {
  let bundled: ScriptBundle | undefined;
  const bundle = () => {
    if (bundled) return bundled;
    const fields = fieldsOf(args);
    const text = bundleOf({ folder, file, fields });
    bundled = { text, sha: createHash('sha1').update(text).digest('hex'), fields };
    return bundled;
  };
  return {
    bundle,
    async run({ redis, keys }, given) {
      const made = bundle();
      return await runBundle({ redis, base: keys.base }, made, args.parse(given));
    },
  };
}

/** Returns a function that defines the scripts whose files begin with `path` in a folder. */
export const scriptsIn =
  (folder: LuaFolder, path: string) =>
  <Shape extends z.ZodRawShape>(file: string, args: Shape) =>
    defineScript({ folder, file: path + file, args: z.object(args) });

/** Returns the fields of a schema in the order of transmission. */
function fieldsOf(args: z.ZodObject): Field[] {
  const fields = Object.entries(args.shape).map(([name, schema]) => {
    const def = (schema as z.ZodType).def as { readonly type: string; readonly innerType?: z.ZodType };
    const optional = def.type === 'optional';
    const type = optional && def.innerType ? def.innerType.def.type : def.type;
    const kind = kinds[type];
    if (kind === undefined || (kind === 'list' && optional))
      throw new Error(`${name} has a type that no Lua script takes`);
    return { name, kind, optional };
  });
  return [...fields.filter(({ kind }) => kind !== 'list'), ...fields.filter(({ kind }) => kind === 'list')];
}

const kinds: Readonly<Record<string, Field['kind']>> = {
  string: 'text',
  enum: 'text',
  literal: 'text',
  number: 'number',
  boolean: 'boolean',
  array: 'list',
};

/** Returns the table `args` as Lua. */
function luaArgs(fields: readonly Field[]): string {
  const scalars = fields.filter(({ kind }) => kind !== 'list');
  const lists = fields.filter(({ kind }) => kind === 'list');
  const lines = scalars.map(({ name, kind, optional }, at) => {
    const value = `ARGV[${at + 1}]`;
    if (kind === 'boolean') return `  ${name} = ${value} == '1',`;
    // tonumber('') is nil.
    if (kind === 'number') return `  ${name} = tonumber(${value}),`;
    return `  ${name} = ${optional ? `${value} ~= '' and ${value} or nil` : value},`;
  });
  const text = ['local args = {', ...lines, '}'];
  if (lists.length === 0) return text.join('\n');
  return [
    ...text,
    'do',
    `  local at = ${scalars.length + 1}`,
    `  for _, name in ipairs({ ${lists.map(({ name }) => `'${name}'`).join(', ')} }) do`,
    '    local last = at + tonumber(ARGV[at])',
    '    args[name] = {}',
    '    for i = at + 1, last do args[name][i - at] = ARGV[i] end',
    '    at = last + 1',
    '  end',
    'end',
  ].join('\n');
}

interface BundleOptions {
  readonly folder: LuaFolder;
  readonly file: string;
  readonly fields: readonly Field[];
}

function bundleOf({ folder, file, fields }: BundleOptions): string {
  const folders = [folder, ...(folder.includes ?? []), runtime];
  const body = withIncludes({ folders, file, included: new Set() });
  for (const [, name] of body.matchAll(/\bargs\.(\w+)/g))
    if (!fields.some((field) => field.name === name)) throw new Error(`${file}.lua has no argument ${name}`);
  for (const { name } of fields)
    if (!new RegExp(`\\bargs\\.${name}\\b`).test(body)) throw new Error(`${file}.lua does not use ${name}`);
  return [
    'local base = KEYS[1]',
    luaArgs(fields),
    luaKeys(body),
    luaConstants({ folders, body, file }),
    body,
  ].join('\n');
}

function luaConstants({
  folders,
  body,
  file,
}: {
  folders: readonly LuaFolder[];
  body: string;
  file: string;
}): string {
  const names = new Set(Array.from(body.matchAll(/\bconstants\.(\w+)/g), ([, name]) => name as string));
  const lines = Array.from(names, (name) => {
    const value = folders.map(({ constants }) => constants?.[name]).find((each) => each !== undefined);
    if (value === undefined) throw new Error(`${file}.lua names a constant ${name} that there is not`);
    return `  ${name} = ${value},`;
  });
  return ['local constants = {', ...lines, '}'].join('\n');
}

interface IncludeOptions {
  readonly folders: readonly LuaFolder[];
  readonly file: string;
  readonly included: Set<string>;
}

/** Returns the text of a file with each include replaced by its text the first time, and removed after that. */
function withIncludes({ folders, file, included }: IncludeOptions): string {
  const text = read(folders, file);
  return text.replace(/^--- @include "([^"]+)"$/gm, (_line, path: string) => {
    if (included.has(path)) return '';
    included.add(path);
    return withIncludes({ folders, file: path, included });
  });
}

function read(folders: readonly LuaFolder[], file: string): string {
  for (const { url } of folders) {
    try {
      return readFileSync(new URL(`${file}.lua`, url), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`${file}.lua is in none of ${folders.map(({ url }) => url.pathname).join(', ')}`);
}
