import { AlertDialog } from 'radix-ui';
import { type ReactNode, useState } from 'react';
import { Button } from './button.js';
import styles from './confirm.module.css';
import { describeError } from './error-panel.js';

interface ConfirmProps {
  /** What opens it: one button. */
  readonly children: ReactNode;
  readonly title: string;
  /** What will happen. */
  readonly text: ReactNode;
  /** On the button that does it: a verb. */
  readonly action: string;
  readonly danger?: boolean;
  readonly onConfirm: () => Promise<unknown>;
}

/** Asks before something that cannot be taken back. Stays open, and says why, when it did not work. */
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
    <AlertDialog.Root open={open} onOpenChange={change}>
      <AlertDialog.Trigger asChild>{children}</AlertDialog.Trigger>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className={styles.overlay} />
        <AlertDialog.Content className={styles.dialog}>
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description asChild>
            <div className={styles.text}>{text}</div>
          </AlertDialog.Description>
          {failure !== undefined && (
            <p className={styles.failure} role="alert">
              {describeError(failure).text}
            </p>
          )}
          <div className={styles.buttons}>
            <AlertDialog.Cancel asChild>
              <Button>Not now</Button>
            </AlertDialog.Cancel>
            <Button kind={danger ? 'danger' : 'primary'} disabled={busy} onClick={() => void confirm()}>
              {action}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}
