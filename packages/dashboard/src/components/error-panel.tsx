import { ApiError, ConnectionError, visible } from '@slipway/client';
import { Button } from './button.js';
import styles from './message.module.css';

interface ErrorPanelProps {
  readonly error: unknown;
  /** Shown as a button where given. */
  readonly retry?: () => void;
}

/** What went wrong and what to do about it, for whoever looks at the page. */
export function ErrorPanel({ error, retry }: ErrorPanelProps) {
  const { title, text } = describeError(error);
  return (
    <div className={`${styles.message} ${styles.bad}`} role="alert">
      <h3>{title}</h3>
      <p className={styles.text}>{text}</p>
      {retry && (
        <Button size="small" onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** Words for an error of the API or of the way to it. */
export function describeError(error: unknown): { readonly title: string; readonly text: string } {
  if (error instanceof ApiError) {
    const text = visible(`${error.detail} ${error.remedy}`.trim());
    if (error.status === 403) return { title: 'Your token does not allow this', text };
    if (error.status === 404) return { title: 'There is no such thing', text };
    return { title: `The API refused this (${error.code})`, text };
  }
  if (error instanceof ConnectionError) {
    return {
      title: 'The API does not answer',
      text: 'Check that it runs and that you are online. What is shown may be old.',
    };
  }
  return { title: 'This page has failed', text: error instanceof Error ? error.message : String(error) };
}
