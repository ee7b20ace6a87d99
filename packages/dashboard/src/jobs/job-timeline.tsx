import type { Job } from '@slipway/client';
import { hasEnded, visible } from '@slipway/client';
import { formatDuration } from '@slipway/shared/formatting';
import { Section } from '../components/page.js';
import { useNow } from '../components/use-now.js';
import styles from './job-timeline.module.css';

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
        {job.attempts.map(({ number, replica, worker, outcome, detail, log_error }, index) => (
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
              {log_error !== undefined && (
                <span className={styles.detail}>The end of its log is not stored yet: {log_error}</span>
              )}
            </p>
          </li>
        ))}
      </ol>
    </Section>
  );
}

interface Part {
  readonly what: 'wait' | 'build' | 'push';
  /** Milliseconds since the job was submitted. */
  readonly from: number;
  readonly to: number;
}

interface AttemptBars {
  readonly number: number;
  readonly parts: readonly Part[];
}

interface Timeline {
  readonly attempts: readonly AttemptBars[];
  /** Milliseconds from the submission to the end, or to now. */
  readonly total: number;
}

interface TimelineOptions {
  readonly job: Pick<Job, 'created_at' | 'finished_at' | 'attempts'>;
  readonly now: number;
  /** Seconds that an attempt took to export and push its image, if the log has them. */
  readonly exportSeconds: (attempt: number) => number | undefined;
}

/** Returns the timeline of a job. A wait lies between the attempt before, or the submission, and the attempt. */
export function timelineOf({ job, now, exportSeconds }: TimelineOptions): Timeline {
  const begin = Date.parse(job.created_at);
  const since = (at: string | undefined) => Math.max((at === undefined ? now : Date.parse(at)) - begin, 0);
  const attempts = job.attempts.map(({ number, started_at, finished_at, wait_ms }): AttemptBars => {
    const [from, to] = [since(started_at), since(finished_at)];
    const pushed = finished_at === undefined ? 0 : Math.min((exportSeconds(number) ?? 0) * 1_000, to - from);
    const parts: Part[] = [
      { what: 'wait', from: Math.max(from - wait_ms, 0), to: from },
      { what: 'build', from, to: to - pushed },
      { what: 'push', from: to - pushed, to },
    ];
    return { number, parts: parts.filter((part) => part.to > part.from) };
  });
  return { attempts, total: Math.max(since(job.finished_at), 1) };
}
