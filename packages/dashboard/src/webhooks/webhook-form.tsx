import type { Webhook, WebhookRequest } from '@slipway/client';
import {
  defaultEventTypes,
  type WebhookEventType,
  type WebhookFormatType,
  webhookEventTypes,
  webhookFormat,
  webhookFormats,
} from '@slipway/shared/contracts';
import { formatPairs } from '@slipway/shared/formatting';
import { type FormEvent, useId, useState } from 'react';
import { Button } from '../components/button.js';
import { Dialog } from '../components/dialog.js';
import { ErrorPanel } from '../components/error-panel.js';
import fields from '../components/fields.module.css';
import { selectorOf } from '../functions/selector.js';
import { type FormatValues, formatOf } from './webhook-formats.js';

type Settings = Required<Pick<WebhookRequest, 'url' | 'description' | 'events' | 'labels' | 'format'>>;

interface WebhookFormProps {
  /** The endpoint to edit; without it the form creates one. */
  readonly webhook?: Webhook;
  readonly open: boolean;
  readonly onClose: () => void;
  /** Rejects with the API's error, which the form shows. */
  readonly save: (settings: Settings) => Promise<void>;
}

export function WebhookForm(props: WebhookFormProps) {
  return (
    <Dialog
      open={props.open}
      onClose={props.onClose}
      title={props.webhook ? 'Edit the endpoint' : 'New endpoint'}
      text="Slipway sends a signed message to the URL for each of the events, and retries for three days."
    >
      <Fields {...props} />
    </Dialog>
  );
}

function Fields({ webhook, onClose, save }: WebhookFormProps) {
  const [url, setUrl] = useState(webhook?.url ?? '');
  const [description, setDescription] = useState(webhook?.description ?? '');
  const [events, setEvents] = useState<WebhookEventType[]>(webhook?.events ?? defaultEventTypes);
  const [labels, setLabels] = useState(formatPairs(webhook?.labels ?? {}));
  const [type, setType] = useState<WebhookFormatType>(webhook?.format.type ?? 'standard');
  const [values, setValues] = useState<FormatValues>((webhook?.format ?? {}) as FormatValues);
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setFailure(undefined);
    try {
      const chosen = selectorOf({ label: labels })?.labels ?? {};
      await save({ url: url.trim(), description, events, labels: chosen, format: formatOf(type, values) });
    } catch (error) {
      setFailure(error);
    } finally {
      setBusy(false);
    }
  };
  const toggle = (name: WebhookEventType, on: boolean) =>
    setEvents((before) => webhookEventTypes.filter((each) => (each === name ? on : before.includes(each))));
  return (
    <form className={fields.form} onSubmit={(event) => void submit(event)}>
      {failure !== undefined && <ErrorPanel error={failure} />}
      <label className={fields.field}>
        URL
        <input
          type="url"
          required
          value={url}
          placeholder="https://ci.example/hooks"
          onChange={(event) => setUrl(event.target.value)}
        />
      </label>
      <label className={fields.field}>
        Description
        <input value={description} maxLength={500} onChange={(event) => setDescription(event.target.value)} />
      </label>
      <fieldset className={fields.choices}>
        <legend>Events</legend>
        {webhookEventTypes.map((name) => (
          <label key={name} className={fields.choice}>
            <input
              type="checkbox"
              checked={events.includes(name)}
              onChange={(event) => toggle(name, event.target.checked)}
            />
            {name}
          </label>
        ))}
      </fieldset>
      <label className={fields.field}>
        Only jobs and batches with these labels
        <input
          value={labels}
          placeholder="team=core, env=prod"
          onChange={(event) => setLabels(event.target.value)}
        />
      </label>
      <label className={fields.field}>
        Format
        <select value={type} onChange={(event) => setType(event.target.value as WebhookFormatType)}>
          {webhookFormats.map((format) => (
            <option key={format.type} value={format.type}>
              {format.name}
            </option>
          ))}
        </select>
      </label>
      {Object.entries(webhookFormat(type).fields).map(([name, field]) => (
        <FormatField
          key={name}
          field={field}
          value={values[name] ?? ''}
          change={(value) => setValues((before) => ({ ...before, [name]: value }))}
        />
      ))}
      <div className={fields.buttons}>
        <Button onClick={onClose}>Not now</Button>
        <Button kind="primary" type="submit" disabled={busy || events.length === 0}>
          {webhook ? 'Save' : 'Create'}
        </Button>
      </div>
    </form>
  );
}

type Field = ReturnType<typeof webhookFormat>['fields'][string];

interface FormatFieldProps {
  readonly field: Field;
  readonly value: string;
  readonly change: (value: string) => void;
}

function FormatField({ field, value, change }: FormatFieldProps) {
  const { rule, label, help, required = false, default: placeholder } = field;
  const id = useId();
  return (
    <div className={fields.field}>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        required={required}
        maxLength={typeof rule === 'string' ? undefined : rule.maxLength}
        value={value}
        placeholder={placeholder}
        onChange={(event) => change(event.target.value)}
        aria-describedby={`${id}-help`}
      />
      <p className={fields.help} id={`${id}-help`}>
        {help}
      </p>
    </div>
  );
}
