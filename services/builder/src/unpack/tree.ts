import { SlipwayError } from '@slipway/shared/errors';
import { checkLinkTarget, NameBudget, parentOf, type TarEntry } from '@slipway/source';

export interface TreeLimits {
  /** Bytes of all files together. A hard link counts as a copy. */
  readonly maxBytes: number;
  /** Entries of every kind, folders that were only implied included. */
  readonly maxFiles: number;
}

export type TreeNode =
  | { readonly type: 'file'; readonly size: number; readonly executable: boolean }
  | { readonly type: 'folder'; readonly implied: boolean }
  | { readonly type: 'link'; readonly target: string };

/** The entries of a folder, checked one by one before any is written. Paths are relative to the folder. */
export class Tree {
  readonly #limits: TreeLimits;
  readonly #nodes = new Map<string, TreeNode>();
  readonly #names: NameBudget;
  #bytes = 0;

  constructor({ limits }: { limits: TreeLimits }) {
    this.#limits = limits;
    this.#names = new NameBudget(limits);
  }

  get nodes(): ReadonlyMap<string, TreeNode> {
    return this.#nodes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  addFolder(path: string): void {
    const known = this.#nodes.get(path);
    if (known?.type === 'folder') this.#nodes.set(path, { type: 'folder', implied: false });
    else this.#add(path, { type: 'folder', implied: false });
  }

  addFile(path: string, { size, executable }: Pick<TarEntry, 'size' | 'executable'>): void {
    this.#bytes += size;
    if (this.#bytes > this.#limits.maxBytes) {
      throw new SlipwayError(
        'source_too_large',
        `The files are larger than ${this.#limits.maxBytes} bytes together.`,
      );
    }
    this.#add(path, { type: 'file', size, executable });
  }

  addLink(path: string, target: string): void {
    checkLinkTarget(path, target);
    this.#add(path, { type: 'link', target });
  }

  /** A hard link becomes a copy of what came before it. Returns the path of that when it is a file, whose content is to be copied. */
  addCopy(path: string, target: string): string | undefined {
    const original = this.#nodes.get(target);
    if (original?.type === 'link') {
      this.addLink(path, original.target);
      return undefined;
    }
    if (original?.type !== 'file') {
      throw new SlipwayError(
        'source_link_unsafe',
        `${shown(path)} is a hard link to ${shown(target)}, which is no file or link that came before it.`,
      );
    }
    this.addFile(path, original);
    return target;
  }

  #add(path: string, node: TreeNode): void {
    if (this.#nodes.has(path))
      throw new SlipwayError('source_path_duplicate', `${shown(path)} occurs twice.`);
    for (let folder = parentOf(path); folder !== ''; folder = parentOf(folder)) {
      const known = this.#nodes.get(folder);
      if (known?.type === 'folder') break;
      if (known !== undefined) {
        throw new SlipwayError(
          'source_path_conflict',
          `${shown(path)} lies below something that is no folder.`,
        );
      }
      this.#set(folder, { type: 'folder', implied: true });
    }
    this.#set(path, node);
  }

  #set(path: string, node: TreeNode): void {
    if (this.#nodes.size >= this.#limits.maxFiles) {
      throw new SlipwayError(
        'source_too_many_files',
        `There are more than ${this.#limits.maxFiles} entries.`,
      );
    }
    this.#names.spend(path, node.type === 'link' ? node.target : '');
    this.#nodes.set(path, node);
  }
}

export function shown(path: string): string {
  return JSON.stringify(path.length > 200 ? `${path.slice(0, 200)}…` : path);
}
