interface PageOptions<T> {
  readonly limit: number;
  /** The id after which the page begins. */
  readonly after: string | undefined;
  /** Returns up to `count` ids after one of them, in order. */
  readonly ids: (after: string | undefined, count: number) => Promise<string[]>;
  /** Returns these records without those that are gone or cannot be read. */
  readonly read: (ids: readonly string[]) => Promise<readonly T[]>;
}

/** Returns a page of records. Only the last page is short, also when some records cannot be read. */
export async function readPage<T>({ limit, after, ids, read }: PageOptions<T>): Promise<T[]> {
  const records: T[] = [];
  let from = after;
  while (records.length < limit) {
    const asked = limit - records.length;
    const found = await ids(from, asked);
    records.push(...(await read(found)));
    if (found.length < asked) break;
    from = found.at(-1);
  }
  return records;
}
