import type { BatchRecord, JobRecord } from '@slipway/control-plane/jobs';
import { replicaId } from '@slipway/control-plane/replicas';
import {
  batchMessageSchema,
  builderMessageSchema,
  type JobEvent,
  type JobSpec,
  jobMessageSchema,
  jobSpecSchema,
  webhookMessageSchema,
} from '@slipway/shared/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchMessage, builderMessage, disabledMessage, hrefFrom, jobMessage } from './message.js';

const id = `job_${'0'.repeat(26)}`;
const limit = 20_000;
const path = hrefFrom(undefined);
const bytes = (message: object) => Buffer.byteLength(JSON.stringify(message));

const spec = (changes: object = {}): JobSpec =>
  jobSpecSchema.parse({
    image: 'r.example/f:1',
    source: { digest: `sha256:${'0'.repeat(64)}` },
    labels: { team: 'a' },
    ...changes,
  });
const record = (changes: Partial<JobRecord> = {}): JobRecord => ({
  id,
  logParts: 0,
  spec: spec(),
  tenant: 'default',
  pool: 'default',
  priority: 1,
  state: 'failed',
  version: 3,
  createdAt: 0,
  startedAt: 1,
  finishedAt: 2,
  retryAt: undefined,
  cancelRequested: false,
  attempt: 1,
  spent: 1,
  placements: 0,
  lost: 0,
  attempts: [],
  result: undefined,
  error: { code: 'build_failed', detail: 'exit code: 1', log_tail: [] },
  sealedCallbackSecret: undefined,
  batch: undefined,
  parts: undefined,
  partOf: undefined,
  ...changes,
});
const event = (changes: Partial<JobEvent> = {}): JobEvent => ({
  kind: 'job',
  position: '5-0',
  type: 'job.failed',
  jobId: id,
  batchId: undefined,
  state: 'failed',
  version: 3,
  at: 2,
  ...changes,
});
const batch = (changes: Partial<BatchRecord> = {}): BatchRecord => ({
  id: `batch_${'0'.repeat(26)}`,
  tenant: 'default',
  total: 2,
  counts: { queued: 0, running: 0, succeeded: 1, failed: 1, canceled: 0 },
  onFailure: 'continue',
  maxRunning: undefined,
  labels: {},
  callbackUrl: undefined,
  sealedCallbackSecret: undefined,
  retryOf: undefined,
  createdAt: 0,
  startedAt: 1,
  endedBefore: 0,
  finishedAt: 2,
  committed: true,
  stopped: undefined,
  ...changes,
});

const text = fc.string({ unit: 'binary', maxLength: 40_000, size: 'max' });
const labels = fc.dictionary(fc.stringMatching(/^[a-z]{1,63}$/), fc.stringMatching(/^[A-Za-z0-9]{0,128}$/), {
  maxKeys: 32,
  size: 'max',
});
const images = fc.stringMatching(/^[a-z0-9]{1,255}$/).map((name) => `r.example/${name}:1`);

describe('the message about a job', () => {
  it('says what happened and where the whole record is', () => {
    const vcs = { repo: 'o/r', sha: 'a'.repeat(40) };
    const message = jobMessage({
      record: record({ spec: spec({ function: 'hello', vcs }), batch: batch().id }),
      event: event(),
      href: hrefFrom('https://slipway.example/ci'),
    });
    expect(jobMessageSchema.parse(message)).toEqual(message);
    expect(message).toEqual({
      type: 'job.failed',
      api_version: 'v1',
      timestamp: '1970-01-01T00:00:00.002Z',
      data: {
        sequence: 3,
        url: `https://slipway.example/ci/v1/jobs/${id}`,
        job: { id, state: 'failed', function: 'openfaas-fn/hello', image: 'r.example/f:1', version: 3 },
        batch: batch().id,
        vcs,
        code: 'build_failed',
        detail: 'exit code: 1',
        labels: { team: 'a' },
      },
    });
  });

  it('is about the event, even when the job has gone on since', () => {
    const message = jobMessage({
      record: record(),
      event: event({ type: 'job.started', state: 'running', version: 2, at: 1 }),
      href: path,
    });
    expect(message).toMatchObject({
      type: 'job.started',
      data: { sequence: 2, job: { state: 'running', version: 2 } },
    });
    expect(message.data).not.toHaveProperty('code');
    expect(message.data).not.toHaveProperty('detail');
  });

  it('is under 20 KB whatever went wrong, and whole where it fits', () => {
    fc.assert(
      fc.property(text, labels, images, (detail, given, image) => {
        const error = { code: 'build_failed' as const, detail, log_tail: [] };
        const message = jobMessage({
          record: record({ spec: { ...spec(), labels: given, image }, error }),
          event: event(),
          href: hrefFrom(`https://${'x'.repeat(900)}`),
        });
        expect(bytes(message)).toBeLessThan(limit);
        expect(jobMessageSchema.parse(message)).toEqual(message);
        const sent = message.data.detail ?? '';
        if (sent !== detail) {
          expect(detail.startsWith(sent.slice(0, -1))).toBe(true);
          expect(bytes(message)).toBeGreaterThan(limit / 2);
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('the message about a batch', () => {
  it('is none before its end', () => {
    expect(
      batchMessage({ record: batch({ finishedAt: undefined }), failed: [], href: path }),
    ).toBeUndefined();
  });

  it('names as many failures as fit into 20 KB', () => {
    fc.assert(
      fc.property(labels, fc.array(images, { maxLength: 50, size: 'max' }), (given, failing) => {
        const failed = failing.map((image) => record({ spec: { ...spec(), image } }));
        const message = batchMessage({ record: batch({ labels: given }), failed, href: path });
        if (!message) throw new Error('no message');
        expect(bytes(message)).toBeLessThan(limit);
        expect(batchMessageSchema.parse(message)).toEqual(message);
        const { failures } = message.data;
        expect(failures.map(({ image }) => image)).toEqual(failing.slice(0, failures.length));
        if (failures.length < failed.length) expect(bytes(message)).toBeGreaterThan(limit / 2);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the other messages', () => {
  it('report circuits of replicas', () => {
    const message = builderMessage({
      event: {
        kind: 'builder',
        position: '1700000000000-2',
        type: 'builder.circuit_opened',
        replica: 'http://b0:8081#uid-of-a-pod',
        at: 1_700_000_000_000,
      },
      href: path,
    });
    expect(builderMessageSchema.parse(message)).toEqual(message);
    expect(message.data).toMatchObject({
      sequence: 1_700_000_000_000_002,
      builder: { id: replicaId('http://b0:8081#uid-of-a-pod'), url: 'http://b0:8081' },
    });
  });

  it('report endpoints that were switched off', () => {
    const endpointId = `wh_${'0'.repeat(26)}`;
    const message = disabledMessage({
      event: {
        kind: 'webhook',
        position: '7-0',
        type: 'webhook.disabled',
        endpointId,
        tenant: 'a',
        reason: 'gone',
        at: 7,
      },
      endpointUrl: 'https://ci.example/hook',
      href: path,
    });
    expect(webhookMessageSchema.parse(message)).toEqual(message);
    expect(message.data).toEqual({
      sequence: 7_000,
      url: `/v1/webhooks/${endpointId}`,
      webhook: { id: endpointId, url: 'https://ci.example/hook', reason: 'gone' },
    });
  });
});
