import { Button } from '../components/button.js';
import { Copyable } from '../components/copyable.js';
import { Dialog } from '../components/dialog.js';
import fields from '../components/fields.module.css';
import styles from './webhooks.module.css';

interface SecretDialogProps {
  /** Undefined while there is none to show. */
  readonly secret: string | undefined;
  readonly onClose: () => void;
}

/** The one time that a secret is shown. It lives in the state of the page alone. */
export function SecretDialog({ secret, onClose }: SecretDialogProps) {
  return (
    <Dialog
      open={secret !== undefined}
      onClose={onClose}
      title="The secret of the endpoint"
      text="The receiver verifies messages with it. It is shown this once: keep it where your secrets are."
    >
      <p className={styles.secret}>
        <Copyable value={secret ?? ''} label="secret" />
      </p>
      <div className={fields.buttons}>
        <Button kind="primary" onClick={onClose}>
          I have kept it
        </Button>
      </div>
    </Dialog>
  );
}
