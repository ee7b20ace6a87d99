import { Button } from '../components/button.js';
import { Copyable } from '../components/copyable.js';
import { Dialog } from '../components/dialog.js';
import fields from '../components/fields.module.css';
import styles from './webhooks.module.css';

interface SecretDialogProps {
  /** Undefined while there is no secret to show. */
  readonly secret: string | undefined;
  readonly onClose: () => void;
}

/** Shows a secret once. The secret is only in the state of the page. */
export function SecretDialog({ secret, onClose }: SecretDialogProps) {
  return (
    <Dialog
      open={secret !== undefined}
      onClose={onClose}
      title="The secret of the endpoint"
      text="The receiver verifies messages with it. The secret is shown only once: store it with your other secrets."
    >
      <p className={styles.secret}>
        <Copyable value={secret ?? ''} label="secret" />
      </p>
      <div className={fields.buttons}>
        <Button kind="primary" onClick={onClose}>
          I have stored it
        </Button>
      </div>
    </Dialog>
  );
}
