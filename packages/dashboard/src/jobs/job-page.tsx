import { hasEnded, type Job, visible } from '@slipway/client';
import { errorCodes, errorRow } from '@slipway/shared/errors';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback } from 'react';
import { useNavigate, useParams } from 'react-router';
import { Button } from '../components/button.js';
import { Confirm } from '../components/confirm.js';
import { Copyable } from '../components/copyable.js';
import { Empty } from '../components/empty.js';
import { ErrorPanel } from '../components/error-panel.js';
import { Loading } from '../components/loading.js';
import { Page, Section } from '../components/page.js';
import { StateBadge } from '../components/state-badge.js';
import { queryKeys, refresh } from '../live/live-queries.js';
import { downloadLog } from '../log/download-log.js';
import type { Step } from '../log/log-model.js';
import { LogViewer } from '../log/log-viewer.js';
import { useLog } from '../log/use-log.js';
import { useClient, useScope, useSession } from '../session/session-context.js';
import { JobFacts } from './job-facts.js';
import { JobTimeline } from './job-timeline.js';
import styles from './jobs.module.css';

export function JobPage() {
  const { id = '' } = useParams();
  const client = useClient();
  const job = useQuery({
    queryKey: queryKeys.job(id),
    queryFn: ({ signal }) => client.getJob({ id, signal }),
  });
  if (job.isPending) return <Loading label="Loading the job" />;
  if (job.isError) {
    return (
      <Page title="Job">
        <ErrorPanel error={job.error} retry={() => void job.refetch()} />
      </Page>
    );
  }
  return <JobView key={id} job={job.data} />;
}

function JobView({ job }: { job: Job }) {
  const { me, token } = useSession();
  const log = useLog({ jobId: job.id });
  const { model } = log;
  // The end of the log may arrive before or after the end of the job.
  const failed = log.ended && job.state === 'failed' ? model.failedStep() : undefined;
  const exportSeconds = useCallback((attempt: number) => model.exportSeconds(attempt), [model]);
  const download = useCallback(() => downloadLog({ jobId: job.id, token }), [job.id, token]);
  const ended = hasEnded(job.state);
  return (
    <Page
      title={job.function ?? job.image}
      beside={
        <StateBadge state={job.state} word={job.cancel_requested && !ended ? 'canceling' : job.state} />
      }
      lead={<Copyable value={job.id} label="job id" />}
      actions={<JobActions job={job} />}
    >
      {job.error && <JobFailure error={job.error} step={failed} withoutLog={log.error !== undefined} />}
      <Section title="Log">
        {log.error !== undefined && <ErrorPanel error={log.error} retry={log.again} />}
        {model.length > 0 && <LogViewer log={log} failed={failed} download={download} />}
        {model.length === 0 && log.error === undefined && <NoLog job={job} ended={log.ended} />}
      </Section>
      <JobTimeline job={job} exportSeconds={exportSeconds} />
      <JobFacts job={job} tenant={me.tenant.name} />
    </Page>
  );
}

function NoLog({ job, ended }: { job: Job; ended: boolean }) {
  if (!ended) {
    return (
      <Loading label={job.state === 'queued' ? 'Waiting for a builder' : 'Waiting for the first line'} />
    );
  }
  if (job.result?.cached)
    return (
      <Empty title="No log">Nothing was built: the result of an identical earlier job was reused.</Empty>
    );
  return (
    <Empty title="No log">
      {job.attempts.length === 0 ? 'The job never ran.' : 'The builder wrote no log.'}
    </Empty>
  );
}

function JobActions({ job }: { job: Job }) {
  const client = useClient();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const allowed = useScope('jobs:write');
  const title = allowed ? undefined : 'Needs a token with the scope jobs:write';
  const rebuild = useMutation({
    mutationFn: () => client.retryJob({ id: job.id }),
    onSuccess: (next) => void navigate(`/jobs/${next.id}`),
  });
  if (hasEnded(job.state)) {
    return (
      <>
        {rebuild.isError && <ErrorPanel error={rebuild.error} />}
        <Button
          kind="primary"
          disabled={!allowed || rebuild.isPending}
          title={title}
          onClick={() => rebuild.mutate()}
        >
          Build again
        </Button>
      </>
    );
  }
  return (
    <Confirm
      title="Cancel this job?"
      text={
        job.state === 'running'
          ? 'The builder stops the build. The image is not pushed.'
          : 'It is removed from the queue and never built.'
      }
      action="Cancel the job"
      danger
      onConfirm={async () => {
        await client.cancelJob({ id: job.id });
        refresh(queries, [queryKeys.job(job.id), queryKeys.jobs]);
      }}
    >
      {(opener) => (
        <Button kind="danger" disabled={!allowed || job.cancel_requested} title={title} {...opener}>
          Cancel
        </Button>
      )}
    </Confirm>
  );
}

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
function JobFailure({ error, step, withoutLog }: JobFailureProps) {
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
