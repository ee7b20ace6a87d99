import type { Webhook } from '@slipway/client';
import { disabledReasonTexts } from '@slipway/shared/contracts';
import { StateIcon } from '../components/state-icon.js';
import { Time } from '../components/time.js';
import styles from './webhooks.module.css';

/** State of an endpoint: icon, word and time of the last change. */
export function EndpointState({ webhook }: { webhook: Webhook }) {
  const { enabled, disabled, failing_since, circuit_open_until } = webhook;
  if (disabled) {
    return (
      <span className={`${styles.state} ${styles.bad}`}>
        <StateIcon state="failed" />
        <span>
          Switched off <Time at={disabled.at} />: {disabledReasonTexts[disabled.reason]}
        </span>
      </span>
    );
  }
  if (!enabled) {
    return (
      <span className={`${styles.state} ${styles.off}`}>
        <StateIcon state="canceled" />
        Off
      </span>
    );
  }
  const waits = circuit_open_until !== undefined && Date.parse(circuit_open_until) > Date.now();
  if (waits) {
    return (
      <span className={`${styles.state} ${styles.bad}`}>
        <StateIcon state="failed" />
        <span>
          Paused after failures, tried again <Time at={circuit_open_until} />
        </span>
      </span>
    );
  }
  if (failing_since !== undefined) {
    return (
      <span className={`${styles.state} ${styles.bad}`}>
        <StateIcon state="failed" />
        <span>
          Failing since <Time at={failing_since} />
        </span>
      </span>
    );
  }
  return (
    <span className={`${styles.state} ${styles.good}`}>
      <StateIcon state="succeeded" />
      On
    </span>
  );
}
