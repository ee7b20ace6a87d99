import type { Webhook } from '@slipway/client';
import { count } from '@slipway/shared/formatting';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import { Button } from '../components/button.js';
import { Dialog } from '../components/dialog.js';
import { ErrorPanel } from '../components/error-panel.js';
import fields from '../components/fields.module.css';
import { useClient } from '../session/session-context.js';

interface RecoverDialogProps {
  readonly webhook: Webhook;
  readonly open: boolean;
  readonly onClose: () => void;
  readonly onDone: () => void;
}

const dayMs = 24 * 3_600_000;

/** Formats a time for an `input` of the type `datetime-local`: in the reader's time zone, without naming it. */
const localText = (at: number) =>
  new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** Sends again the messages that an endpoint has missed since a time. */
export function RecoverDialog({ webhook, open, onClose, onDone }: RecoverDialogProps) {
  const client = useClient();
  const id = useId();
  const [since, setSince] = useState(() =>
    localText(webhook.failing_since === undefined ? Date.now() - dayMs : Date.parse(webhook.failing_since)),
  );
  const recover = useMutation({
    mutationFn: () => client.recoverWebhook({ id: webhook.id, since: new Date(since).toISOString() }),
    onSuccess: onDone,
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    recover.mutate();
  };
  const close = () => {
    recover.reset();
    onClose();
  };
  return (
    <Dialog
      open={open}
      onClose={close}
      title="Recover missed messages"
      text="Messages whose deliveries failed or were canceled are sent again, each once. Messages delivered since then are left out."
    >
      <form className={fields.form} onSubmit={submit}>
        <label className={fields.field} htmlFor={id}>
          Since
          <input
            id={id}
            type="datetime-local"
            required
            value={since}
            onChange={(event) => setSince(event.target.value)}
          />
        </label>
        {recover.isError && <ErrorPanel error={recover.error} />}
        {recover.data && <p role="status">{count(recover.data.recovered, 'message')} being sent.</p>}
        <div className={fields.buttons}>
          <Button onClick={close}>{recover.data ? 'Close' : 'Not now'}</Button>
          <Button kind="primary" type="submit" disabled={recover.isPending || since === ''}>
            Recover
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
