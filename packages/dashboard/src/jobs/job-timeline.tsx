import type { Job } from '@slipway/client';
import { hasEnded, visible } from '@slipway/client';
import { formatDuration } from '@slipway/shared/formatting';
import { Section } from '../components/page.js';
import { useNow } from '../components/use-now.js';
import styles from './job-timeline.module.css';
import { type Part, timelineOf } from './timeline.js';

interface JobTimelineProps {
  readonly job: Job;
  readonly exportSeconds: (attempt: number) => number | undefined;
}

const words: Readonly<Record<Part['what'], string>> = {
  wait: 'Waited',
  build: 'Built',
  push: 'Exported and pushed',
};

/** The attempts of a job one below the other, on one scale of time. */
export function JobTimeline({ job, exportSeconds }: JobTimelineProps) {
  const now = useNow();
  const { attempts, total } = timelineOf({ job, now, exportSeconds });
  const ended = hasEnded(job.state);
  return (
    <Section
      title="Attempts"
      beside={
        <ul className={styles.legend}>
          {Object.entries(words).map(([what, word]) => (
            <li key={what}>
              <span className={`${styles.swatch} ${styles[what]}`} aria-hidden="true" />
              {word}
            </li>
          ))}
        </ul>
      }
    >
      {attempts.length === 0 && (
        <p className="soft">
          {ended ? 'It never ran.' : `It has waited ${formatDuration(total)} for a builder.`}
        </p>
      )}
      <ol className={styles.attempts}>
        {job.attempts.map(({ number, replica, worker, outcome, detail }, index) => (
          <li key={number} className={styles.attempt}>
            <div className={styles.what}>
              <strong>Attempt {number}</strong>
              <span
                className={
                  outcome === 'succeeded' ? styles.good : outcome === undefined ? styles.now : styles.bad
                }
              >
                {outcome ?? 'running'}
              </span>
            </div>
            <div className={styles.track}>
              {attempts[index]?.parts.map(({ what, from, to }) => (
                <span
                  key={what}
                  className={`${styles.bar} ${styles[what]}`}
                  style={{ left: `${(from / total) * 100}%`, width: `${((to - from) / total) * 100}%` }}
                  title={`${words[what]} ${formatDuration(to - from)}`}
                />
              ))}
            </div>
            <p className={styles.said}>
              {attempts[index]?.parts
                .map(({ what, from, to }) => `${words[what]} ${formatDuration(to - from)}`)
                .join(' · ')}
              {replica !== undefined && (
                <>
                  {' on '}
                  <code>{replica}</code>
                </>
              )}
              {', by worker '}
              <code>{worker}</code>
              {detail !== undefined && outcome !== 'succeeded' && detail !== job.error?.detail && (
                <span className={styles.detail}>{visible(detail)}</span>
              )}
            </p>
          </li>
        ))}
      </ol>
    </Section>
  );
}
