import { useState } from 'react';
import styles from './copyable.module.css';

interface CopyableProps {
  /** The text to copy. */
  readonly value: string;
  /** The text to show, if shorter. */
  readonly children?: string;
  /** The kind of value, for the button's name: `image`, `digest`. */
  readonly label: string;
}

/** An id, image or digest in a monospace font, with a button that copies the whole value. */
export function Copyable({ value, children = value, label }: CopyableProps) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
      window.setTimeout(() => setCopied(false), 1_500);
    } catch {
      // Browsers have no clipboard over plain HTTP from another machine: the reader selects the text instead.
      setCopied(false);
    }
  };
  return (
    <span className={styles.copyable}>
      <code title={value}>{children}</code>
      {navigator.clipboard !== undefined && (
        <button
          type="button"
          className={styles.button}
          aria-label={`Copy ${label}`}
          onClick={() => void copy()}
        >
          <CopyIcon done={copied} />
        </button>
      )}
      <span className="visually-hidden" role="status">
        {copied ? 'Copied' : ''}
      </span>
    </span>
  );
}

function CopyIcon({ done }: { done: boolean }) {
  return (
    <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" focusable="false">
      <path
        d={done ? 'M3 8.5l3.2 3.2L13 5' : 'M5.5 5.5h7v8h-7zM10.5 5.5v-3h-7v8h2'}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
