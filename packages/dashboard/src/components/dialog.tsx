import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import styles from './dialog.module.css';

interface DialogProps {
  readonly open: boolean;
  /** Escape closes it. A click beside it does not: what was typed, or is shown once, would be lost. */
  readonly onClose: () => void;
  readonly title: string;
  /** What it is for, in a sentence. */
  readonly text: ReactNode;
  /** `alertdialog` where an answer is asked for. */
  readonly role?: 'dialog' | 'alertdialog';
  readonly children: ReactNode;
}

/** A form, a question, or something to read, above the page. What is in it begins anew each time it is opened. */
export function Dialog({ open, ...rest }: DialogProps) {
  return open ? <OpenDialog {...rest} /> : null;
}

/** The browser's own modal dialog: it keeps the focus, makes the page behind it inert, and gives the focus back. */
function OpenDialog({ onClose, title, text, role = 'dialog', children }: Omit<DialogProps, 'open'>) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the element goes from the page: one that is gone gives no focus back.
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={box}
      role={role}
      className={styles.dialog}
      aria-labelledby={`${id}title`}
      aria-describedby={`${id}text`}
      onClose={({ currentTarget }) => {
        // The word of a closing by the page itself comes later than what the page has done since.
        if (currentTarget.isConnected && !currentTarget.open) onClose();
      }}
    >
      <h2 id={`${id}title`}>{title}</h2>
      <div id={`${id}text`} className={styles.text}>
        {text}
      </div>
      {children}
    </dialog>
  );
}
