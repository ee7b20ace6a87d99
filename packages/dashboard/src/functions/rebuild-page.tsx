import type { RebuildPlan, RebuildRequest } from '@slipway/client';
import { count } from '@slipway/shared/formatting';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { Link } from 'react-router';
import { useFilters } from '../address/use-filters.js';
import { Button } from '../components/button.js';
import { DataTable } from '../components/data-table.js';
import { ErrorPanel } from '../components/error-panel.js';
import fields from '../components/fields.module.css';
import { Page, Section } from '../components/page.js';
import { useClient, useScope } from '../session/session-context.js';
import styles from './functions.module.css';
import { type SelectorText, selectorFields, selectorOf } from './selector.js';

const labels: Readonly<Record<keyof SelectorText, readonly [name: string, placeholder: string]>> = {
  namespace: ['Namespace', 'openfaas-fn'],
  name: ['Name', 'api-*'],
  label: ['Labels', 'team=core'],
  template: ['Template', 'node20'],
  base_image: ['Base image', 'node:22-alpine'],
  functions: ['Functions', 'dev/api, dev/web'],
};

/** Rebuilds the selected functions after showing the plan with its reasons. */
export function RebuildPage() {
  const client = useClient();
  const allowed = useScope('jobs:write');
  const { filters } = useFilters(selectorFields);
  const [text, setText] = useState<SelectorText>(filters);
  const [options, setOptions] = useState<Options>({
    priority: 'low',
    on_failure: 'continue',
    skip_if_unchanged: false,
  });
  const plan = useMutation({
    mutationFn: (rebuild: Rebuild) => client.planRebuild({ rebuild }),
  });
  const submit = useMutation({ mutationFn: (rebuild: Rebuild) => client.submitRebuild({ rebuild }) });
  const select = selectorOf(text);
  const change = (name: keyof SelectorText, value: string) => {
    setText((before) => ({ ...before, [name]: value }));
    // The plan on the page is of another selection.
    plan.reset();
    submit.reset();
  };
  const show = (event: FormEvent) => {
    event.preventDefault();
    submit.reset();
    if (select) plan.mutate({ select, ...options });
  };
  return (
    <Page title="Rebuild functions" lead="Select functions, review the plan, then build them as one batch.">
      <Section title="Which functions">
        <form className={fields.form} onSubmit={show}>
          <div className={fields.columns}>
            {selectorFields.map((name) => (
              <label key={name} className={fields.field}>
                {labels[name][0]}
                <input
                  value={text[name] ?? ''}
                  placeholder={labels[name][1]}
                  spellCheck={false}
                  onChange={(event) => change(name, event.target.value)}
                />
              </label>
            ))}
          </div>
          <RebuildOptions
            options={options}
            change={(next) => {
              setOptions(next);
              plan.reset();
            }}
          />
          <div className={fields.buttons}>
            <Button
              kind={plan.data ? 'normal' : 'primary'}
              type="submit"
              disabled={!select || plan.isPending || !allowed}
            >
              {plan.isPending ? 'Planning…' : 'Show the plan'}
            </Button>
          </div>
        </form>
        {!select && (
          <p className="soft">Fill in at least one field. Functions that match all fields are rebuilt.</p>
        )}
        {plan.isError && <ErrorPanel error={plan.error} />}
      </Section>
      {plan.data && plan.variables && !submit.data && (
        <Plan
          plan={plan.data}
          busy={submit.isPending}
          error={submit.error}
          build={() => plan.variables && submit.mutate(plan.variables)}
        />
      )}
      {submit.data?.batch && (
        <div className={styles.done} role="status">
          <h2>{count(submit.data.functions.length, 'job')} submitted</h2>
          <Link to={`/batches/${submit.data.batch.id}`}>Watch the batch {submit.data.batch.id}</Link>
        </div>
      )}
    </Page>
  );
}

type Rebuild = Omit<RebuildRequest, 'dry_run'>;
type Options = Required<Pick<RebuildRequest, 'priority' | 'on_failure' | 'skip_if_unchanged'>>;

function RebuildOptions({ options, change }: { options: Options; change: (options: Options) => void }) {
  return (
    <div className={fields.columns}>
      <label className={fields.field}>
        Priority
        <select
          value={options.priority}
          onChange={(event) => change({ ...options, priority: event.target.value as Options['priority'] })}
        >
          <option value="low">Low: after everything else</option>
          <option value="normal">Normal</option>
          <option value="high">High</option>
        </select>
      </label>
      <label className={fields.field}>
        When one fails
        <select
          value={options.on_failure}
          onChange={(event) =>
            change({ ...options, on_failure: event.target.value as Options['on_failure'] })
          }
        >
          <option value="continue">Build the others</option>
          <option value="stop">Stop the batch</option>
        </select>
      </label>
      <label className={fields.field}>
        Unchanged functions
        <select
          value={String(options.skip_if_unchanged)}
          onChange={(event) => change({ ...options, skip_if_unchanged: event.target.value === 'true' })}
        >
          <option value="false">Build them: a base image may have changed</option>
          <option value="true">Skip them</option>
        </select>
      </label>
    </div>
  );
}

interface PlanProps {
  readonly plan: RebuildPlan;
  readonly busy: boolean;
  readonly error: unknown;
  readonly build: () => void;
}

function Plan({ plan: { functions, left_out }, busy, error, build }: PlanProps) {
  return (
    <Section
      title={`${count(functions.length, 'function')} would be built`}
      beside={
        <Button kind="primary" disabled={busy || functions.length === 0} onClick={build}>
          {busy ? 'Submitting…' : `Build ${count(functions.length, 'function')}`}
        </Button>
      }
    >
      {error !== null && error !== undefined && <ErrorPanel error={error} />}
      <DataTable label="Functions that would be built" columns={['Function', 'Image', 'Reason']}>
        {functions.map(({ function: name, image, reasons }) => (
          <tr key={name}>
            <td>
              <Link to={`/functions/${name}`}>{name}</Link>
            </td>
            <td className={styles.image} title={image}>
              <code>{image}</code>
            </td>
            <td>{reasons.join(', ')}</td>
          </tr>
        ))}
      </DataTable>
      {left_out.length > 0 && (
        <>
          <h3>{count(left_out.length, 'function')} cannot be built again</h3>
          <DataTable label="Functions left out" columns={['Function', 'Why']}>
            {left_out.map(({ function: name, reason }) => (
              <tr key={name}>
                <td>{name}</td>
                <td>{reason}</td>
              </tr>
            ))}
          </DataTable>
        </>
      )}
    </Section>
  );
}
