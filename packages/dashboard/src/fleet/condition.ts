import type { Builder } from '@slipway/client';

interface Condition {
  readonly tone: 'good' | 'warn' | 'bad';
  readonly sign: string;
  readonly word: string;
}

/** The one thing to know first about a replica. */
export function conditionOf({
  health,
  readiness,
  circuit,
  draining,
}: Pick<Builder, 'health' | 'readiness' | 'circuit' | 'draining'>): Condition {
  if (health === 'down') return { tone: 'bad', sign: '✕', word: 'Down' };
  if (readiness === 'broken') return { tone: 'bad', sign: '✕', word: 'Broken' };
  if (circuit === 'open') return { tone: 'bad', sign: '✕', word: 'Circuit open' };
  if (circuit === 'probing') return { tone: 'warn', sign: '?', word: 'Being probed' };
  if (draining || readiness === 'draining') return { tone: 'warn', sign: '‖', word: 'Draining' };
  if (health === 'unknown') return { tone: 'warn', sign: '?', word: 'Not checked yet' };
  if (readiness === 'full') return { tone: 'good', sign: '✓', word: 'Full' };
  return { tone: 'good', sign: '✓', word: 'Up' };
}

/** Whether another build may go there. */
export const takesBuilds = ({
  health,
  readiness,
  circuit,
  draining,
}: Pick<Builder, 'health' | 'readiness' | 'circuit' | 'draining'>) =>
  health === 'up' && circuit === 'closed' && !draining && readiness !== 'broken' && readiness !== 'draining';
