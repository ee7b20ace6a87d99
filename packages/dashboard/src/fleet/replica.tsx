import type { Builder, Stats } from '@slipway/client';
import { engineFacts, type ReplicaCondition, replicaCondition } from '@slipway/shared/contracts';
import { count, percent } from '@slipway/shared/formatting';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Button } from '../components/button.js';
import { describeError } from '../components/error-panel.js';
import { queryKeys, refresh } from '../live/live-queries.js';
import { useClient, useScope } from '../session/session-context.js';
import styles from './fleet.module.css';

type Points = NonNullable<Stats['replicas']>[number]['points'];

interface ReplicaProps {
  readonly builder: Builder;
  /** The last hour. */
  readonly points: Points;
}

function engineText(engine: Builder['engine']): string {
  if (engine === 'unreported') return 'engine not reported';
  if (engine === 'unknown') return 'engine unknown';
  const { title, isIsolated } = engineFacts[engine];
  return isIsolated ? title : `${title}, for the tenant default only`;
}

/** Above this number slots are shown as a number only. */
const mostBlocks = 64;

export function Replica({ builder, points }: ReplicaProps) {
  const client = useClient();
  const queries = useQueryClient();
  const maySteer = useScope('builders:admin');
  const verb = builder.draining ? 'resume' : 'drain';
  const steer = useMutation({
    mutationFn: () => client.steerBuilder({ id: builder.id, verb }),
    onSettled: () => refresh(queries, [queryKeys.builders, queryKeys.queue]),
  });
  const condition = conditionOf(builder);
  const { host } = new URL(builder.url);
  return (
    <li className={styles.replica}>
      <div className={styles.replicaHead}>
        <h3 className="mono">{host}</h3>
        <span className={`${styles.condition} ${styles[condition.tone]}`}>
          <span aria-hidden="true">{condition.sign}</span> {condition.word}
        </span>
      </div>
      <div className={styles.slotsLine}>
        <div className={styles.slots} aria-hidden="true">
          {Array.from(
            { length: Math.min(Math.max(builder.limit, builder.in_flight), mostBlocks) },
            (_slot, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: slots differ by their number only
              <span key={at} className={at < builder.in_flight ? styles.busy : styles.free} />
            ),
          )}
        </div>
        <span className="numbers">
          {builder.in_flight} of {count(builder.limit, 'slot')} busy
        </span>
      </div>
      <p className={styles.facts}>
        {builder.configured_limit === undefined ? 'Limit learned' : 'Limit configured'} · pool {builder.pool}{' '}
        · {builder.name !== undefined && <>pod {builder.name} · </>}
        {engineText(builder.engine)} · {count(builder.builds, 'build')}
        {builder.refusals > 0 && <> · {count(builder.refusals, 'refusal')} (429)</>}
        {builder.faults > 0 && <> · {count(builder.faults, 'fault')}</>}
      </p>
      <Hour points={points} />
      <div className={styles.replicaFoot}>
        <Button
          size="small"
          disabled={!maySteer || steer.isPending}
          title={maySteer ? undefined : 'Needs a token with the scope builders:admin'}
          aria-label={`${verb === 'drain' ? 'Drain' : 'Resume'} ${host}`}
          onClick={() => steer.mutate()}
        >
          {verb === 'drain' ? 'Drain' : 'Resume'}
        </Button>
        {steer.isError && (
          <span role="alert" className={styles.refused}>
            {describeError(steer.error).text}
          </span>
        )}
      </div>
    </li>
  );
}

/** Builds and failures of the last hour as bars, and the number of builds placed where their layers are. */
function Hour({ points }: { points: Points }) {
  const total = (value: (point: Points[number]) => number) =>
    points.reduce((sum, point) => sum + value(point), 0);
  const builds = total((point) => point.builds);
  const failures = total((point) => point.failures);
  const placed = total((point) => point.placed);
  const most = Math.max(1, ...points.map((point) => point.builds));
  const width = 100 / Math.max(points.length, 1);
  return (
    <div className={styles.hour}>
      <svg
        viewBox="0 0 100 24"
        preserveAspectRatio="none"
        className={styles.bars}
        aria-hidden="true"
        focusable="false"
      >
        {points.map((point, at) => {
          const tall = (point.builds / most) * 24;
          const bad = (point.failures / most) * 24;
          return (
            // biome-ignore lint/suspicious/noArrayIndexKey: the index of a point is its place in the hour
            <g key={at}>
              <rect
                x={at * width}
                y={24 - tall}
                width={width * 0.8}
                height={tall - bad}
                fill="var(--running)"
              />
              <rect x={at * width} y={24 - bad} width={width * 0.8} height={bad} fill="var(--failed)" />
            </g>
          );
        })}
      </svg>
      <p className={styles.facts}>
        Last hour: {count(builds, 'build')}, {failures} failed
        {placed > 0 && (
          <span title="Builds that ran on the replica which last built the same function or image and probably still caches its layers">
            {' '}
            · cache share {percent(total((point) => point.placed_home) / placed)}
          </span>
        )}
      </p>
    </div>
  );
}

interface Condition {
  readonly tone: 'good' | 'warn' | 'bad';
  readonly sign: string;
  readonly word: string;
}

/** Returns how the page shows a replica. */
const conditionOf = (builder: Builder): Condition => conditions[replicaCondition(builder)];

const conditions: Readonly<Record<ReplicaCondition, Condition>> = {
  down: { tone: 'bad', sign: '✕', word: 'Down' },
  broken: { tone: 'bad', sign: '✕', word: 'Broken' },
  'circuit open': { tone: 'bad', sign: '✕', word: 'Circuit open' },
  'circuit probing': { tone: 'warn', sign: '?', word: 'Being probed' },
  draining: { tone: 'warn', sign: '‖', word: 'Draining' },
  unknown: { tone: 'warn', sign: '?', word: 'Not checked yet' },
  full: { tone: 'good', sign: '✓', word: 'Full' },
  up: { tone: 'good', sign: '✓', word: 'Up' },
};
