import type { Job } from '@slipway/client';
import { visible } from '@slipway/client';
import { errorCodes, errorRow } from '@slipway/shared/errors';
import type { Step } from '../log/log-model.js';
import styles from './jobs.module.css';

interface JobFailureProps {
  readonly error: NonNullable<Job['error']>;
  /** The failed step, once the log is loaded. */
  readonly step: Step | undefined;
  /** The log cannot be read. */
  readonly withoutLog: boolean;
}

/** Returns the detail without the command, which stands above it as the name of the step. */
function shortDetail(detail: string): string {
  const end = /^failed to solve: process .* did not complete successfully: (.*)$/s.exec(detail)?.[1];
  return end === undefined ? detail : `It did not complete successfully: ${end}`;
}

/** Shows why a job failed or was canceled, and what to do about it. */
export function JobFailure({ error, step, withoutLog }: JobFailureProps) {
  // An API that is newer than the page may have other codes.
  const code = errorCodes.find((known) => known === error.code);
  const words = code && errorRow(code);
  return (
    <section className={styles.failure} aria-labelledby="failure">
      <h2 id="failure">
        {words?.title ?? 'The job has failed'}
        <code>{error.code}</code>
      </h2>
      {step && step.name !== '' && <code className={styles.step}>{step.name}</code>}
      <p className={styles.detail}>{visible(step ? shortDetail(error.detail) : error.detail)}</p>
      {words && <p className="soft">{words.remedy}</p>}
      {withoutLog && error.log_tail.length > 0 && (
        <pre className={styles.tail}>{error.log_tail.join('\n')}</pre>
      )}
    </section>
  );
}
