/** Names of functions that may be labels: the first N that appear. All other functions share one label. */
export class FunctionNames {
  readonly #max: number;
  readonly #names = new Set<string>();

  constructor({ max }: { readonly max: number }) {
    this.#max = max;
  }

  /** Undefined where there are to be no such labels. */
  labelOf(name: string | undefined): string | undefined {
    if (this.#max === 0) return undefined;
    if (name === undefined) return 'none';
    if (this.#names.size < this.#max) this.#names.add(name);
    return this.#names.has(name) ? name : 'other';
  }
}
