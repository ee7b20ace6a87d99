import { describe, expect, it } from 'vitest';
import type { BatchMessage, Message } from '../webhook-message.js';
import { type WebhookFormat, webhookFormat, webhookFormats } from './formats.js';
import { build, digest, formatInput, jobMessage, requestOf, sha } from './testing/messages.js';

const status: WebhookFormat = { type: 'github_commit_status', token: 'bot' };
const dispatch: WebhookFormat = { type: 'github_dispatch', token: 'bot', event_type: 'built' };
const labStatus: WebhookFormat = { type: 'gitlab_commit_status', token: 'bot' };
const pipeline: WebhookFormat = { type: 'gitlab_pipeline', token: 'bot', project: 'a/b', ref: 'main' };
const jenkins: WebhookFormat = { type: 'jenkins' };
const standard: WebhookFormat = { type: 'standard' };

const supports = (format: WebhookFormat, message: Message) =>
  webhookFormat(format.type).supports(message, format);

const batchFinished: BatchMessage = {
  api_version: 'v1',
  type: 'batch.finished',
  timestamp: '2026-01-02T03:04:05.000Z',
  data: {
    sequence: 1,
    url: `/v1/batches/batch_${'1'.repeat(26)}`,
    batch: {
      id: `batch_${'1'.repeat(26)}`,
      total: 3,
      counts: { queued: 0, running: 0, succeeded: 2, failed: 1, canceled: 0 },
      labels: {},
    },
    failures: [],
  },
};
const circuit: Message = {
  api_version: 'v1',
  type: 'builder.circuit_opened',
  timestamp: '2026-01-02T03:04:05.000Z',
  data: { sequence: 1, url: '/v1/builders/rep_1', builder: { id: 'rep_1', url: 'http://b:8081' } },
};

describe('standard', () => {
  it('sends the body as it was written', () => {
    const input = formatInput(standard, jobMessage('succeeded'), { body: '{"as": "written"}' });
    expect(build(input)).toEqual({
      url: 'https://ci.example',
      headers: { 'content-type': 'application/json' },
      body: '{"as": "written"}',
      token: undefined,
    });
  });
});

describe('github_commit_status', () => {
  it('posts to the commit, as the REST API asks', () => {
    expect(
      requestOf(formatInput(status, jobMessage('succeeded'), { publicUrl: 'https://slipway.example/x/' })),
    ).toEqual({
      url: `https://ci.example/repos/acme/shop/statuses/${sha}`,
      headers: {
        accept: 'application/vnd.github+json',
        authorization: 'Bearer hush',
        'content-type': 'application/json',
        'x-github-api-version': '2022-11-28',
      },
      body: {
        state: 'success',
        context: 'slipway/openfaas-fn/greet',
        description: `Built ${digest.slice(0, 19)}`,
        target_url: `https://slipway.example/x/v1/jobs/job_${'1'.repeat(26)}`,
      },
      token: { reveal: expect.any(Function) },
    });
  });

  it.each([
    ['queued', undefined, 'pending', 'Waiting to be built'],
    ['running', undefined, 'pending', 'Building'],
    ['failed', 'build_failed', 'failure', 'build_failed: step 3'],
    ['failed', 'registry_unreachable', 'error', 'registry_unreachable: step 3'],
    ['failed', 'of_a_later_version', 'error', 'of_a_later_version: step 3'],
    ['canceled', 'superseded', 'error', 'Canceled: superseded: step 3'],
    ['canceled', 'canceled', 'error', 'Canceled: step 3'],
  ] as const)('of a %s job with %s is %s', (state, code, expected, description) => {
    const message = jobMessage(state, code && { code, detail: 'step 3' });
    expect(requestOf(formatInput(status, message)).body).toEqual({
      state: expected,
      context: 'slipway/openfaas-fn/greet',
      description,
    });
  });

  it('keeps the description to 140 characters of one line, none of them of four bytes', () => {
    const detail = `line 1\nline\u00002 🔥 ${'x'.repeat(300)}`;
    const { description } = requestOf(
      formatInput(status, jobMessage('failed', { code: 'build_failed', detail })),
    ).body;
    expect(description).toMatch(/^build_failed: line 1 line 2 \ufffd x+…$/);
    expect(description).toHaveLength(140);
  });

  it('names the status after the image where there is no function, or as the endpoint says', () => {
    const { function: _function, ...job } = jobMessage('queued').data.job;
    const unnamed = { ...jobMessage('queued'), data: { ...jobMessage('queued').data, job } };
    expect(requestOf(formatInput(status, unnamed)).body.context).toBe('slipway/team/greet');
    expect(requestOf(formatInput({ ...status, context: 'images' }, unnamed)).body.context).toBe('images');
  });

  it('keeps the path of an API that has one (GitHub Enterprise Server)', () => {
    const input = formatInput(status, jobMessage('queued'), { url: 'https://ci.example/api/v3/?a=1#b' });
    expect(requestOf(input).url).toBe(`https://ci.example/api/v3/repos/acme/shop/statuses/${sha}`);
  });

  it.each(['../user', 'acme/..', './x', 'group/sub/name'])('says nothing of a commit of %s', (repo) => {
    const message = jobMessage('queued', { vcs: { repo, sha } });
    expect(supports(status, message)).toBe(false);
    expect(build(formatInput(status, message))).toEqual({ skip: 'no_commit' });
  });
});

describe('github_dispatch', () => {
  it('sends the message as the client payload, within ten properties', () => {
    const message = jobMessage('succeeded');
    const { url, body } = requestOf(formatInput(dispatch, message));
    expect(url).toBe('https://ci.example/repos/acme/shop/dispatches');
    expect(body).toEqual({ event_type: 'built', client_payload: { message_id: 'msg_1', ...message } });
    expect(Object.keys(body.client_payload as object).length).toBeLessThanOrEqual(10);
  });

  it('goes to the repository that the endpoint names, for batches too', () => {
    const named = { ...dispatch, repo: 'acme/deploy' };
    expect(requestOf(formatInput(named, jobMessage('succeeded'))).url).toMatch(/\/repos\/acme\/deploy\//);
    expect(requestOf(formatInput(named, batchFinished)).url).toMatch(/\/repos\/acme\/deploy\//);
    expect(build(formatInput(dispatch, batchFinished))).toEqual({ skip: 'no_repository' });
  });
});

describe('gitlab_commit_status', () => {
  it('posts to the commit of the project, whose path is one segment', () => {
    const message = jobMessage('running', { vcs: { repo: 'group/sub/shop', sha } });
    const input = formatInput(labStatus, message, { publicUrl: 'https://slipway.example' });
    expect(requestOf(input)).toEqual({
      url: `https://ci.example/api/v4/projects/group%2Fsub%2Fshop/statuses/${sha}`,
      headers: { 'content-type': 'application/json', 'private-token': 'hush' },
      body: {
        state: 'running',
        name: 'slipway/openfaas-fn/greet',
        description: 'Building',
        target_url: `https://slipway.example/v1/jobs/job_${'1'.repeat(26)}`,
      },
      token: { reveal: expect.any(Function) },
    });
  });

  it.each([
    ['queued', 'pending'],
    ['succeeded', 'success'],
    ['failed', 'failed'],
    ['canceled', 'canceled'],
  ] as const)('of a %s job is %s', (state, expected) => {
    expect(requestOf(formatInput(labStatus, jobMessage(state))).body.state).toBe(expected);
  });

  it('leaves out a link that GitLab would refuse for its length', () => {
    const input = formatInput(labStatus, jobMessage('queued'), {
      publicUrl: `https://slipway.example/${'x'.repeat(240)}`,
    });
    expect(requestOf(input).body).not.toHaveProperty('target_url');
  });
});

describe('gitlab_pipeline', () => {
  it('triggers the pipeline of a branch with the fields as variables', () => {
    const input = formatInput(
      pipeline,
      jobMessage('failed', { code: 'build_failed', detail: '$CI_JOB_TOKEN' }),
    );
    expect(requestOf(input)).toEqual({
      url: 'https://ci.example/api/v4/projects/a%2Fb/trigger/pipeline',
      headers: { 'content-type': 'application/json' },
      body: {
        token: 'hush',
        ref: 'main',
        variables: {
          SLIPWAY_MESSAGE_ID: 'msg_1',
          SLIPWAY_TYPE: 'job.failed',
          SLIPWAY_TIMESTAMP: '2026-01-02T03:04:05.000Z',
          SLIPWAY_SEQUENCE: '3',
          SLIPWAY_URL: `/v1/jobs/job_${'1'.repeat(26)}`,
          SLIPWAY_STATE: 'failed',
          SLIPWAY_JOB_ID: `job_${'1'.repeat(26)}`,
          SLIPWAY_FUNCTION: 'openfaas-fn/greet',
          SLIPWAY_IMAGE: 'registry.example:5000/team/greet:1',
          SLIPWAY_CODE: 'build_failed',
          SLIPWAY_REPO: 'acme/shop',
          SLIPWAY_SHA: sha,
        },
      },
      token: { reveal: expect.any(Function) },
    });
  });

  it('has only text in its variables, of a batch too', () => {
    const { variables } = requestOf(formatInput(pipeline, batchFinished)).body;
    expect(variables).toMatchObject({ SLIPWAY_STATE: 'failed', SLIPWAY_TOTAL: '3', SLIPWAY_SUCCEEDED: '2' });
    expect(Object.values(variables as object).every((value) => typeof value === 'string')).toBe(true);
  });
});

describe('jenkins', () => {
  it('sends the message with flat copies of its fields, with the token in the header', () => {
    const message = jobMessage('succeeded');
    const request = requestOf(formatInput({ ...jenkins, token: 'bot' }, message));
    expect(request).toMatchObject({
      url: 'https://ci.example',
      headers: { 'content-type': 'application/json', token: 'hush' },
    });
    expect(request.body).toEqual({
      ...message,
      message_id: 'msg_1',
      sequence: 3,
      url: message.data.url,
      state: 'succeeded',
      job_id: message.data.job.id,
      function: 'openfaas-fn/greet',
      image: message.data.job.image,
      digest,
      repo: 'acme/shop',
      sha,
    });
  });

  it('needs no token', () => {
    expect(requestOf(formatInput(jenkins, circuit))).toMatchObject({
      headers: { 'content-type': 'application/json' },
      body: { type: 'builder.circuit_opened', builder_id: 'rep_1' },
    });
  });
});

describe('a token', () => {
  it.each([status, dispatch, labStatus, pipeline, { ...jenkins, token: 'bot' }])(
    'that $type does not have fails the delivery; the reason names it and the host',
    (format) => {
      expect(build(formatInput(format, jobMessage('succeeded'), { token: () => undefined }))).toEqual({
        fail: 'token_unknown: WEBHOOK_TOKENS has no bot for https://ci.example',
      });
    },
  );
});

describe('the messages of a format', () => {
  it('leave out events that the format does not support', () => {
    const { vcs: _vcs, ...data } = jobMessage('queued').data;
    const table = [jobMessage('queued'), { ...jobMessage('queued'), data }, batchFinished, circuit].map(
      (message) =>
        [standard, jenkins, status, labStatus, dispatch, { ...dispatch, repo: 'a/b' }, pipeline].map(
          (format) => supports(format, message),
        ),
    );
    expect(table).toEqual([
      [true, true, true, true, true, true, true],
      [true, true, false, false, false, true, true],
      [true, true, false, false, false, true, true],
      [true, true, false, false, false, true, true],
    ]);
  });

  it('are skipped with a reason that the format describes', () => {
    for (const format of [status, labStatus, dispatch]) {
      const built = build(formatInput(format, circuit));
      expect(webhookFormat(format.type).skips).toHaveProperty((built as { skip: string }).skip);
    }
  });
});

describe('the settings of formats', () => {
  it('share an option of the CLI only with the same help', () => {
    const options = new Map<string, object>();
    for (const { fields } of webhookFormats) {
      for (const { option, value, help, label } of Object.values(fields)) {
        expect(options.get(option) ?? { value, help, label }).toEqual({ value, help, label });
        options.set(option, { value, help, label });
      }
    }
    expect(options.size).toBeGreaterThan(0);
  });

  it('of an API name a token', () => {
    const withToken = webhookFormats.filter(({ fields }) => fields.token?.required);
    expect(withToken).toEqual(webhookFormats.filter(({ target }) => target === 'api'));
  });
});
