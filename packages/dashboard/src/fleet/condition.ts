import type { Builder } from '@slipway/client';

interface Condition {
  readonly tone: 'good' | 'warn' | 'bad';
  readonly sign: string;
  readonly word: string;
}

/** Returns the most important condition of a replica. */
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

/** Returns true when the replica takes another build. */
export const takesBuilds = ({
  health,
  readiness,
  circuit,
  draining,
}: Pick<Builder, 'health' | 'readiness' | 'circuit' | 'draining'>) =>
  health === 'up' && circuit === 'closed' && !draining && readiness !== 'broken' && readiness !== 'draining';
