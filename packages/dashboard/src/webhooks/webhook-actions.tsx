import type { Webhook } from '@slipway/client';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { Button } from '../components/button.js';
import { Confirm } from '../components/confirm.js';
import { describeError } from '../components/error-panel.js';
import { queryKeys, refresh } from '../live/live-queries.js';
import { useClient, useScope } from '../session/session-context.js';
import { RecoverDialog } from './recover-dialog.js';
import { WebhookForm } from './webhook-form.js';

interface WebhookActionsProps {
  readonly webhook: Webhook;
  readonly onSecret: (secret: string) => void;
}

/** The actions on an endpoint. */
export function WebhookActions({ webhook, onSecret }: WebhookActionsProps) {
  const { id, enabled } = webhook;
  const client = useClient();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const allowed = useScope('webhooks:write');
  const [open, setOpen] = useState<'edit' | 'recover'>();
  const changed = () => refresh(queries, [queryKeys.webhooks, queryKeys.deliveries]);
  const test = useMutation({
    mutationFn: () => client.testWebhook({ id }),
    onSuccess: (delivery) => {
      changed();
      void navigate(`/deliveries/${delivery.id}`);
    },
  });
  const enable = useMutation({
    mutationFn: () => client.updateWebhook({ id, patch: { enabled: true } }),
    onSuccess: changed,
  });
  const common = {
    disabled: !allowed,
    title: allowed ? undefined : 'Needs a token with the scope webhooks:write',
  };
  const failure = test.error ?? enable.error;
  return (
    <>
      {failure && <span role="alert">{describeError(failure).text}</span>}
      {enabled ? (
        <>
          <Button kind="primary" {...common} onClick={() => test.mutate()}>
            Send a test
          </Button>
          <Button {...common} onClick={() => setOpen('recover')}>
            Recover…
          </Button>
          <Confirm
            title="Switch the endpoint off?"
            text="It receives nothing until it is enabled again. Pending deliveries are canceled and can be recovered."
            action="Switch it off"
            onConfirm={async () => {
              await client.updateWebhook({ id, patch: { enabled: false } });
              changed();
            }}
          >
            {(opener) => (
              <Button {...common} {...opener}>
                Disable
              </Button>
            )}
          </Confirm>
        </>
      ) : (
        <Button kind="primary" {...common} onClick={() => enable.mutate()}>
          Enable
        </Button>
      )}
      <Button {...common} onClick={() => setOpen('edit')}>
        Edit
      </Button>
      <Confirm
        title="Rotate the secret?"
        text="For 24 hours messages are signed with both secrets, so that you can update the receiver in between."
        action="Rotate the secret"
        onConfirm={async () => {
          onSecret((await client.rotateWebhookSecret({ id })).secret);
          changed();
        }}
      >
        {(opener) => (
          <Button {...common} {...opener}>
            Rotate secret
          </Button>
        )}
      </Confirm>
      <Confirm
        title="Delete the endpoint?"
        text="Pending deliveries are canceled. The delivery log stays until retention removes it."
        action="Delete it"
        danger
        onConfirm={async () => {
          await client.deleteWebhook({ id });
          // Invalidates for the next page: this page would fetch the deleted endpoint.
          for (const queryKey of [queryKeys.webhooks, queryKeys.deliveries])
            void queries.invalidateQueries({ queryKey, refetchType: 'none' });
          void navigate('/webhooks');
        }}
      >
        {(opener) => (
          <Button kind="danger" {...common} {...opener}>
            Delete
          </Button>
        )}
      </Confirm>
      <WebhookForm
        webhook={webhook}
        open={open === 'edit'}
        onClose={() => setOpen(undefined)}
        save={async (patch) => {
          await client.updateWebhook({ id, patch });
          setOpen(undefined);
          changed();
        }}
      />
      <RecoverDialog
        webhook={webhook}
        open={open === 'recover'}
        onClose={() => setOpen(undefined)}
        onDone={changed}
      />
    </>
  );
}
