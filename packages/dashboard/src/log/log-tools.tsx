import { type KeyboardEvent, type RefObject, useState } from 'react';
import { Button } from '../components/button.js';
import { describeError } from '../components/error-panel.js';
import styles from './log-viewer.module.css';
import { maxMatches } from './search.js';
import type { LogSearch } from './use-search.js';

interface LogToolsProps {
  readonly search: LogSearch;
  readonly input: RefObject<HTMLInputElement | null>;
  readonly goToLine: (line: number) => void;
  /** Undefined when the log no longer grows. */
  readonly following: boolean | undefined;
  readonly setFollowing: (following: boolean) => void;
  readonly wrapped: boolean;
  readonly setWrapped: (wrapped: boolean) => void;
  readonly allOpen: boolean;
  readonly openAll: (open: boolean) => void;
  /** Fetches the log and lets the browser save it. */
  readonly download: () => Promise<void>;
}

export function LogTools(props: LogToolsProps) {
  const { search, input, goToLine, following, setFollowing, wrapped, setWrapped, allOpen, openAll } = props;
  const { text, matches, place, setPlace } = search;
  const [downloading, setDownloading] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const onKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Escape') search.setText('');
    if (event.key !== 'Enter') return;
    event.preventDefault();
    const line = /^:(\d+)$/.exec(text)?.[1];
    if (line !== undefined) goToLine(Number(line));
    else setPlace(place + (event.shiftKey ? -1 : 1));
  };
  const download = async () => {
    setDownloading(true);
    setFailure(undefined);
    try {
      await props.download();
    } catch (error) {
      setFailure(error);
    } finally {
      setDownloading(false);
    }
  };
  return (
    <div className={styles.tools}>
      <search className={styles.search}>
        <input
          ref={input}
          className={styles.input}
          type="search"
          aria-label="Search the log"
          placeholder="Search, or :120 for a line"
          value={text}
          spellCheck={false}
          onChange={(event) => search.setText(event.target.value)}
          onKeyDown={onKey}
        />
        <Button
          size="small"
          aria-label="Previous match"
          disabled={place < 0}
          onClick={() => setPlace(place - 1)}
        >
          ↑
        </Button>
        <Button size="small" aria-label="Next match" disabled={place < 0} onClick={() => setPlace(place + 1)}>
          ↓
        </Button>
        <span className={`${styles.count} numbers`} role="status">
          {countOf({ search, found: matches.length })}
        </span>
      </search>
      {following !== undefined && (
        <Button size="small" aria-pressed={following} onClick={() => setFollowing(!following)}>
          {following ? 'Following' : 'Follow'}
        </Button>
      )}
      <Button size="small" onClick={() => openAll(!allOpen)}>
        {allOpen ? 'Fold all' : 'Unfold all'}
      </Button>
      <Button size="small" aria-pressed={wrapped} onClick={() => setWrapped(!wrapped)}>
        {wrapped ? 'Unwrap lines' : 'Wrap lines'}
      </Button>
      <Button size="small" disabled={downloading} onClick={() => void download()}>
        Download
      </Button>
      {failure !== undefined && (
        <span className={styles.failure} role="alert">
          {describeError(failure).text}
        </span>
      )}
    </div>
  );
}

function countOf({ search, found }: { search: LogSearch; found: number }): string {
  if (search.needle === '' || search.needle.startsWith(':')) return '';
  if (found === 0) return 'No match';
  const all = search.full ? `${maxMatches.toLocaleString('en')}+` : found.toLocaleString('en');
  return `${(search.place + 1).toLocaleString('en')} of ${all}`;
}
