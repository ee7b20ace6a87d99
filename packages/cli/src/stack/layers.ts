import type { ContextTree } from './context-tree.js';
import { handlerFolder, type LocalTemplate, type Overlay, overlayHandler, templateTree } from './overlay.js';
import type { LocalSource, SourceDigester } from './source.js';

/** Files that are uploaded as one source. */
export interface Part {
  readonly source: LocalSource;
  /** Builds the tree for each upload, because the trees of all functions together may be large. */
  readonly tree: () => Promise<ContextTree>;
}

/** A build context in two parts. The server lays the handler over the template. */
export interface Layers {
  readonly handler: Part;
  readonly template: Part & {
    readonly name: string;
    /** Path of the handler in the context; `''` for the root. */
    readonly handlerFolder: string;
  };
}

/** Matches names of templates that the server accepts. */
const templateName =
  /^[a-z0-9][a-z0-9._-]{0,62}(?:@(?=.{1,128}$)[A-Za-z0-9_][A-Za-z0-9._+-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._+-]*)*)?$/;
/** Limit of bytes in a payload path, without `context/`. */
const maxFolderBytes = 147;

/**
 * Splits build contexts into template and handler. The server then knows the template of each function, and can lay the handler over
 * a newer template. A context stays whole (undefined) without a template, with an empty handler, or when the server would refuse
 * the name or folder of the template.
 */
export class LayerPlanner {
  readonly #digester: SourceDigester;
  readonly #templates = new Map<LocalTemplate, Promise<Part>>();

  constructor(digester: SourceDigester) {
    this.#digester = digester;
  }

  async split({ template, ...rest }: Overlay): Promise<Layers | undefined> {
    const { lang: name } = rest.fn;
    if (!template || !templateName.test(name)) return undefined;
    const at = handlerFolder(name, template);
    if (!isFolder(at)) return undefined;
    const tree = () => overlayHandler(rest);
    const source = await this.#digester.describe(await tree());
    if (source.files === 0) return undefined;
    const files = await this.#template(template);
    return { handler: { source, tree }, template: { ...files, name, handlerFolder: at } };
  }

  #template(template: LocalTemplate): Promise<Part> {
    const tree = () => templateTree(template);
    const known =
      this.#templates.get(template) ??
      tree().then(async (files) => ({ source: await this.#digester.describe(files), tree }));
    this.#templates.set(template, known);
    return known;
  }
}

const isFolder = (path: string): boolean => Buffer.byteLength(path) <= maxFolderBytes && !/[\0\\]/.test(path);
