import type { DeliverySummary, JobState } from '@slipway/client';
import { StateBadge } from '../components/state-badge.js';

type DeliveryState = DeliverySummary['state'];

const like: Readonly<Record<DeliveryState, JobState>> = {
  pending: 'queued',
  delivered: 'succeeded',
  failed: 'failed',
  canceled: 'canceled',
};

export const deliveryStates = Object.keys(like) as DeliveryState[];

export function DeliveryBadge({ state }: { state: DeliveryState }) {
  return <StateBadge state={like[state]} word={state} />;
}
