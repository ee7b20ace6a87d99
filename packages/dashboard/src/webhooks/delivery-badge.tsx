import type { DeliveryState, JobState } from '@slipway/shared/contracts';
import { StateBadge } from '../components/state-badge.js';

const like: Readonly<Record<DeliveryState, JobState>> = {
  pending: 'queued',
  delivered: 'succeeded',
  failed: 'failed',
  canceled: 'canceled',
};

export function DeliveryBadge({ state }: { state: DeliveryState }) {
  return <StateBadge state={like[state]} word={state} />;
}
