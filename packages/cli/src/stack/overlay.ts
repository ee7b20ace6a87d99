import { lstat, readFile, realpath } from 'node:fs/promises';
import { isAbsolute, join, posix, relative, resolve } from 'node:path';
import { CommandError } from '../command-error.js';
import { exitCodes } from '../exit-codes.js';
import { ContextTree, type Listing, listPath } from './context-tree.js';
import { parseTemplateFile, type StackFunction, type TemplateFile } from './stack-file.js';

/** A template of `./template`. */
export interface LocalTemplate extends TemplateFile {
  readonly files: Listing;
}

export interface Overlay {
  readonly fn: Pick<StackFunction, 'name' | 'lang' | 'handler'>;
  /** Undefined for `lang: dockerfile`, whose handler is the whole context. */
  readonly template: LocalTemplate | undefined;
  /** Paths to copy beside the handler, as written. */
  readonly copy: readonly { readonly path: string; readonly listing: Listing }[];
  /** Base of relative paths. */
  readonly folder: string;
}

/** Entries of a handler's folder that `faas-cli` leaves out: its own output, and templates. */
const leftOut = ['build', 'template'];

/**
 * Returns the build context of a function, file for file as `faas-cli build --shrinkwrap` leaves it in ./build: the template,
 * over it the handler in the template's handler folder, over that the extra paths.
 */
export async function overlay({ fn, template, copy, folder }: Overlay): Promise<ContextTree> {
  const handler = await readHandler({ fn, folder });
  const tree = new ContextTree();
  const at = template === undefined ? '' : handlerFolder(fn.lang, template);
  try {
    if (template) tree.lay('', template.files);
    layHandler(tree, at, { handler, copy });
  } catch (error) {
    throw error instanceof CommandError ? ofFunction(fn.name, error) : error;
  }
  await tree.settleNote();
  return tree;
}

/** Returns the part of a build context in the template's handler folder: the handler, and over it the extra paths. */
export async function overlayHandler({ fn, copy, folder }: Omit<Overlay, 'template'>): Promise<ContextTree> {
  const tree = new ContextTree();
  layHandler(tree, '', { handler: await readHandler({ fn, folder }), copy });
  await tree.settleNote();
  return tree;
}

/** Returns the files of a template without a handler. */
export async function templateTree({ files }: LocalTemplate): Promise<ContextTree> {
  const tree = new ContextTree();
  tree.lay('', files);
  await tree.settleNote();
  return tree;
}

function layHandler(
  tree: ContextTree,
  at: string,
  { handler, copy }: { readonly handler: Listing; readonly copy: Overlay['copy'] },
): void {
  tree.folder(at);
  tree.lay(at, handler);
  for (const { path, listing } of copy) tree.lay(inside(at, path), listing);
}

async function readHandler({ fn, folder }: Pick<Overlay, 'fn' | 'folder'>): Promise<Listing> {
  const handler = await listPath({ path: resolve(folder, fn.handler), without: leftOut }).catch((error) => {
    throw error instanceof CommandError ? ofFunction(fn.name, error) : error;
  });
  if (handler.type !== 'folder') {
    throw new CommandError({
      message: `the handler of '${fn.name}', ${fn.handler}, is not a folder`,
      exitCode: exitCodes.usage,
    });
  }
  return handler;
}

const ofFunction = (name: string, { message }: CommandError): CommandError =>
  new CommandError({ message: `the function '${name}': ${message}`, exitCode: exitCodes.usage });

/** Returns the path of the handler in the build context; `''` for its root. */
export function handlerFolder(lang: string, template: LocalTemplate): string {
  const path = inside('', template.handlerFolder);
  if (path === '..' || path.startsWith('../')) {
    throw new CommandError({
      message: `the template '${lang}': its handler_folder, ${template.handlerFolder}, leads out of the context`,
      exitCode: exitCodes.usage,
    });
  }
  return path;
}

/** Joins two paths; `''` is the root. */
function inside(at: string, path: string): string {
  const joined = posix.join(at, path).replace(/^\/+|\/+$/g, '');
  return joined === '.' ? '' : joined;
}

/** Returns true for a lang that may be a folder in `./template`. Only a pinned ref, as in `node@feature/a`, may contain slashes. */
export const isTemplateName = (lang: string): boolean => {
  const [name = '', ...ref] = lang.split('@');
  const parts = ref.length === 0 ? [name] : [`${name}@`, ...ref.join('@').split('/')];
  return !name.includes('/') && !parts.some((part) => part === '.' || part === '..' || part === '');
};

interface TemplateFolder {
  readonly folder: string;
  readonly lang: string;
}

/** Returns true when `./template` has an entry of this name. A dangling link counts: it is never replaced. */
export const hasFolder = ({ folder, lang }: TemplateFolder): Promise<boolean> =>
  lstat(join(folder, 'template', lang)).then(
    () => true,
    () => false,
  );

/** Returns the template of a language in `./template`, or undefined when it is missing. */
export async function readTemplate({ folder, lang }: TemplateFolder): Promise<LocalTemplate | undefined> {
  const path = join(folder, 'template', lang);
  const settings = join(path, 'template.yml');
  const stats = await lstat(settings).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  // The server ignores a link of this name as well.
  if (!stats?.isFile()) return undefined;
  return {
    ...parseTemplateFile({
      text: await readFile(settings, 'utf8'),
      file: `template/${lang}/template.yml`,
    }),
    files: await listPath({ path }),
  };
}

/** Returns the extra paths with their listings. Each must be in the folder. A path may be or pass a link, if that leads into the folder. */
export async function readExtras({
  folder,
  paths,
}: {
  readonly folder: string;
  readonly paths: readonly string[];
}): Promise<{ path: string; listing: Listing }[]> {
  const root = await realpath(folder);
  return Promise.all(
    paths.map(async (path) => {
      const full = resolve(folder, path);
      requireInside({ path, folder, below: relative(folder, full) });
      // `listPath` reports a dangling link.
      const real = await realpath(full).catch(() => undefined);
      if (real !== undefined) requireInside({ path, folder, below: relative(root, real) });
      return { path, listing: await listPath({ path: full }) };
    }),
  );
}

interface RequireInside {
  readonly path: string;
  readonly folder: string;
  /** The path relative to the folder. */
  readonly below: string;
}

function requireInside({ path, folder, below }: RequireInside): void {
  if (below !== '' && below !== '..' && !below.startsWith('../') && !isAbsolute(below)) return;
  throw new CommandError({
    message: `the extra path ${path} is ${below === '' ? 'the whole project' : 'outside of the project'}`,
    remedy: `Name a file or folder below ${folder}.`,
    exitCode: exitCodes.usage,
  });
}
