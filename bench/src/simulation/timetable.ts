/** Entries by their time; entries of the same time stay in the order of their insertion. A binary heap. */
export class Timetable<T> {
  readonly #heap: { readonly at: number; readonly order: number; readonly entry: T }[] = [];
  #order = 0;

  get nextAt(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  add(at: number, entry: T): void {
    const heap = this.#heap;
    let place = heap.push({ at, order: this.#order++, entry }) - 1;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#isBefore(place, parent)) break;
      this.#swap(place, parent);
      place = parent;
    }
  }

  /** Removes and returns all entries up to a time. */
  due(until: number): T[] {
    const found: T[] = [];
    while (this.nextAt <= until) found.push(this.takeFirst());
    return found;
  }

  /** Removes and returns the first entry. */
  takeFirst(): T {
    const heap = this.#heap;
    this.#swap(0, heap.length - 1);
    const first = heap.pop();
    if (!first) throw new RangeError('the timetable is empty');
    for (let place = 0; ; ) {
      let least = place;
      for (const child of [2 * place + 1, 2 * place + 2])
        if (child < heap.length && this.#isBefore(child, least)) least = child;
      if (least === place) return first.entry;
      this.#swap(place, least);
      place = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (!one || !other) return false;
    return one.at < other.at || (one.at === other.at && one.order < other.order);
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    [heap[a], heap[b]] = [heap[b] as (typeof heap)[number], heap[a] as (typeof heap)[number]];
  }
}
