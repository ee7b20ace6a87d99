import { type ReactNode, useState } from 'react';
import { Button } from './button.js';
import styles from './confirm.module.css';
import { Dialog } from './dialog.js';
import { describeError } from './error-panel.js';
import fields from './fields.module.css';

interface ConfirmProps {
  /** Renders the button that opens the dialog, with these properties. */
  readonly children: (opener: Opener) => ReactNode;
  readonly title: string;
  /** The consequences of the action. */
  readonly text: ReactNode;
  /** Text of the confirming button: a verb. */
  readonly action: string;
  readonly danger?: boolean;
  readonly onConfirm: () => Promise<unknown>;
}

interface Opener {
  readonly onClick: () => void;
  readonly 'aria-haspopup': 'dialog';
}

/** Asks before an action that cannot be undone. If the action fails, the dialog stays open and shows the error. */
export function Confirm({ children, title, text, action, danger = false, onConfirm }: ConfirmProps) {
  const [open, setOpen] = useState(false);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const change = (next: boolean) => {
    setFailure(undefined);
    setOpen(next);
  };
  const confirm = async () => {
    setBusy(true);
    try {
      await onConfirm();
      change(false);
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      {children({ onClick: () => change(true), 'aria-haspopup': 'dialog' })}
      <Dialog role="alertdialog" open={open} onClose={() => change(false)} title={title} text={text}>
        {failure !== undefined && (
          <p className={styles.failure} role="alert">
            {describeError(failure).text}
          </p>
        )}
        <div className={fields.buttons}>
          <Button onClick={() => change(false)}>Not now</Button>
          <Button kind={danger ? 'danger' : 'primary'} disabled={busy} onClick={() => void confirm()}>
            {action}
          </Button>
        </div>
      </Dialog>
    </>
  );
}
