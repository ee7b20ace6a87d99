import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';
import styles from './dialog.module.css';

interface DialogProps {
  readonly open: boolean;
  /** Called on Escape. A click beside the dialog does not close it, because typed text or a secret shown once would be lost. */
  readonly onClose: () => void;
  readonly title: string;
  /** The purpose of the dialog, in a sentence. */
  readonly text: ReactNode;
  /** `alertdialog` for a question. */
  readonly role?: 'dialog' | 'alertdialog';
  readonly children: ReactNode;
}

/** A form, a question or a text above the page. Its content is mounted again each time it opens. */
export function Dialog({ open, ...rest }: DialogProps) {
  return open ? <OpenDialog {...rest} /> : null;
}

/** The browser's own modal dialog: it traps the focus, makes the page behind it inert, and restores the focus. */
function OpenDialog({ onClose, title, text, role = 'dialog', children }: Omit<DialogProps, 'open'>) {
  const box = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Closes before the element is removed: a removed dialog does not restore the focus.
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
        // The close event of a dialog that the page closed itself arrives late, when the dialog may be open again.
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
