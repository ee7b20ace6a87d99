import type { Job } from '@slipway/client';
import { formatDuration } from '@slipway/shared/formatting';
import { Link } from 'react-router';
import { Copyable } from '../components/copyable.js';
import { Section } from '../components/page.js';
import { StateBadge } from '../components/state-badge.js';
import { Time } from '../components/time.js';
import { Fact, Tags } from './fact.js';
import styles from './jobs.module.css';
import { OptionFacts } from './option-facts.js';

/** The image, source, function and tenant of a job. */
export function JobFacts({ job, tenant }: { job: Job; tenant: string }) {
  const { image, result, source, template, vcs, batch, part_of, priority, labels, build_args, platforms } =
    job;
  return (
    <Section title="Build">
      <dl className={styles.facts}>
        <Fact name="Image" wide>
          <Copyable value={image} label="image" />
        </Fact>
        {result?.digest !== undefined && (
          <Fact name="Digest" wide>
            <Copyable value={result.digest} label="digest" />
          </Fact>
        )}
        <Fact name="Source" wide>
          <Copyable value={source.digest} label="source digest" />
        </Fact>
        {source.git && (
          <Fact name="Git">
            {source.git.url} at <code>{source.git.commit.slice(0, 12)}</code>
          </Fact>
        )}
        {vcs && (
          <Fact name="Commit">
            {vcs.repo} <code title={vcs.sha}>{vcs.sha.slice(0, 12)}</code>
          </Fact>
        )}
        {job.function !== undefined && (
          <Fact name="Function">
            <Link to={`/functions/${job.function}`}>{job.function}</Link>
          </Fact>
        )}
        {template && <Fact name="Template">{template.name}</Fact>}
        {batch !== undefined && (
          <Fact name="Batch">
            <Link to={`/batches/${batch}`}>{batch}</Link>
          </Fact>
        )}
        {part_of !== undefined && (
          <Fact name="Part of">
            <Link to={`/jobs/${part_of}`}>{part_of}</Link>
          </Fact>
        )}
        <Fact name="Pool">
          {job.pool}
          {platforms.length > 0 && <span className="soft"> · {platforms.join(', ')}</span>}
        </Fact>
        <Fact name="Tenant">{tenant}</Fact>
        <Fact name="Submitted">
          <Time at={job.created_at} /> <span className="soft">with {priority} priority</span>
        </Fact>
        {job.cancel_requested_at !== undefined && (
          <Fact name="Cancel requested">
            <Time at={job.cancel_requested_at} />
            {job.state === 'succeeded' && <span className="soft"> · the build ended first</span>}
          </Fact>
        )}
        {job.retry_at !== undefined && (
          <Fact name="Tried again">
            <Time at={job.retry_at} />
          </Fact>
        )}
        {result && (
          <Fact name="Build took">
            {result.cached
              ? 'Nothing: unchanged, an earlier result was reused'
              : formatDuration(result.duration_ms)}
          </Fact>
        )}
        <Tags name="Labels" values={labels} />
        <Tags name="Build arguments" values={build_args} />
        <OptionFacts spec={job} />
        {job.trace_id !== undefined && (
          <Fact name="Trace" wide>
            <Copyable value={job.trace_id} label="trace id" />
          </Fact>
        )}
        {job.secrets && <Fact name="Secrets">{job.secrets.names.join(', ')}</Fact>}
        {job.parts && (
          <Fact name="Parts" wide>
            {job.parts.map((part) => (
              <div key={part.job}>
                <Link to={`/jobs/${part.job}`}>{part.platforms.join(', ')}</Link> in pool {part.pool}{' '}
                {part.state && <StateBadge state={part.state} />}
              </div>
            ))}
          </Fact>
        )}
      </dl>
    </Section>
  );
}
