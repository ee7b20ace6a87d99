import { ApiError, ConnectionError, visible } from '@slipway/client';
import { Button } from './button.js';
import styles from './message.module.css';

interface ErrorPanelProps {
  readonly error: unknown;
  /** Shows a button that retries. */
  readonly retry?: () => void;
}

/** Shows the error and what to do about it. */
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

/** Returns the texts for an error of the API or of the connection. */
export function describeError(error: unknown): { readonly title: string; readonly text: string } {
  if (error instanceof ApiError) {
    const text = visible(`${error.detail} ${error.remedy}`.trim());
    if (error.status === 403) return { title: 'Your token does not allow this', text };
    if (error.status === 404) return { title: 'Not found', text };
    return { title: `The API refused this (${error.code})`, text };
  }
  if (error instanceof ConnectionError) {
    return {
      title: 'The API does not answer',
      text: 'Check that the API runs and that you are online. This page may show old data.',
    };
  }
  return { title: 'This page has failed', text: error instanceof Error ? error.message : String(error) };
}
