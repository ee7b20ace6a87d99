import { useDeferredValue, useMemo, useState } from 'react';
import { type Match, Search } from './search.js';
import type { Log } from './use-log.js';

export interface LogSearch {
  readonly text: string;
  readonly setText: (text: string) => void;
  /** The text to mark. It follows `text` once the user stops typing. */
  readonly needle: string;
  readonly matches: readonly Match[];
  /** True when the log has more matches than these. */
  readonly full: boolean;
  /** Index of the current match in `matches`; -1 if there is none. */
  readonly place: number;
  readonly setPlace: (place: number) => void;
}

const none: readonly Match[] = [];

export function useSearch({ model, version }: Pick<Log, 'model' | 'version'>): LogSearch {
  const [text, setText] = useState('');
  const [chosen, setChosen] = useState({ needle: '', place: 0 });
  const needle = useDeferredValue(text);
  const search = useMemo(() => new Search({ model, needle }), [model, needle]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new version has lines to look at
  const found = useMemo(() => (needle === '' ? none : [...search.matches()]), [search, needle, version]);
  const place = chosen.needle === needle ? chosen.place : 0;
  return {
    text,
    setText,
    needle,
    matches: found,
    full: search.full,
    place: found.length === 0 ? -1 : Math.min(place, found.length - 1),
    setPlace: (next) => setChosen({ needle, place: (next + found.length) % Math.max(found.length, 1) }),
  };
}
