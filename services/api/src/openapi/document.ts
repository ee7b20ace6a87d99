import {
  batchMessageSchema,
  builderMessageSchema,
  jobMessageSchema,
  webhookMessageSchema,
} from '@slipway/shared/contracts';
import { errorCodes } from '@slipway/shared/errors';
import { z } from 'zod';
import { type BodyForm, type Endpoint, formType, takesIdempotencyKey } from '../http/operation.js';
import { Components, type Json, type ToSchema } from './components.js';
import { problemAnswers } from './problems.js';

const problemSchema = z
  .object({
    type: z.string().describe('urn:slipway:error:<code>'),
    title: z.string(),
    status: z.int(),
    code: z.enum(errorCodes),
    detail: z.string(),
    remedy: z.string(),
    errors: z.array(z.object({ path: z.string().describe('JSON Pointer'), message: z.string() })).optional(),
    request_id: z.string().optional().describe('As in `X-Request-Id`, for whoever looks into it'),
  })
  .meta({ id: 'Problem' });

/** The OpenAPI 3.1 document of the endpoints, made from the schemas that parse their requests. */
export function openApiDocument(endpoints: readonly Endpoint[]): Json {
  const components = new Components();
  const schema: ToSchema = (type, io) => components.schemaOf(type, io);
  const paths: Record<string, Json> = {};
  for (const { operation } of endpoints) {
    const { path, method } = operation;
    paths[path] = { ...paths[path], [method]: describe(operation, schema) };
  }
  const message = (type: z.ZodType) => ({
    description:
      'Standard Webhooks 1.0: what callbacks get, and endpoints of the format `standard`. docs/webhooks.md says how to verify it.',
    // Of the sender to the receiver: the token of this API goes nowhere.
    security: [],
    parameters: messageHeaders,
    requestBody: { required: true, content: { 'application/json': { schema: schema(type, 'output') } } },
    responses: {
      '2XX': { description: 'Delivered' },
      '410': { description: 'Not tried again, and the endpoint is switched off' },
      default: { description: 'Tried again, redirects too' },
    },
  });
  return components.complete({
    openapi: '3.1.0',
    info: {
      title: 'Slipway',
      version: '1',
      description: 'A queue-backed build orchestrator for fleets of OpenFaaS Function Builder replicas.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }],
    paths,
    webhooks: {
      job: {
        post: {
          summary: 'A job changed its state, or ended; its `callback.url` is told of the end alone',
          ...message(jobMessageSchema),
        },
      },
      batch: { post: { summary: 'All jobs of a batch have ended', ...message(batchMessageSchema) } },
      builder: {
        post: {
          summary: 'A builder is called no more for a while, or again',
          ...message(builderMessageSchema),
        },
      },
      webhook: {
        post: { summary: 'An endpoint was switched off, or is tested', ...message(webhookMessageSchema) },
      },
    },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schema(problemSchema, 'output') },
    },
  });
}

/** Standard Webhooks 1.0. */
const messageHeaders = Object.entries({
  'webhook-id': 'Of the message: the same in all attempts, for all endpoints, and when it is sent again',
  'webhook-timestamp': 'When this attempt was made, in seconds since the epoch',
  'webhook-signature':
    '`v1,` and the base64 of the HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`; while a secret is being rotated two of them, apart by a space',
  'user-agent': 'Slipway',
}).map(([name, description]) => ({
  name,
  in: 'header',
  required: true,
  description,
  schema: { type: 'string' },
}));

function describe(operation: Endpoint['operation'], schema: ToSchema): Json {
  const { id, tag, summary, description, body, form, stream, answers } = operation;
  const content = body
    ? {
        'application/json': { schema: schema(body, 'input') },
        ...(form && { [formType]: describeForm(form, schema) }),
      }
    : stream && Object.fromEntries(stream.types.map((type) => [type, {}]));
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(operation.scope === 'none' ? { security: [] } : { 'x-scope': operation.scope }),
    parameters: parameters(operation, schema),
    ...(content && {
      requestBody: { required: true, content, ...(stream && { description: stream.description }) },
    }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [status, describeAnswer(answer, schema)]),
      ),
      ...problemAnswers(operation),
    },
  };
}

function describeForm({ description, parts, types }: BodyForm<unknown>, schema: ToSchema): Json {
  return {
    schema: { ...schema(parts, 'input'), description },
    encoding: Object.fromEntries(Object.entries(types).map(([name, contentType]) => [name, { contentType }])),
  };
}

function describeAnswer(answer: Endpoint['operation']['answers'][number], schema: ToSchema): Json {
  const { description, content = {}, headers } = answer;
  return {
    description,
    ...(headers && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [
          name,
          { description: text, schema: { type: 'string' } },
        ]),
      ),
    }),
    content: Object.fromEntries(
      Object.entries(content).map(([type, shape]) => [
        type,
        {
          schema:
            typeof shape === 'string' ? { type: 'string', description: shape } : schema(shape, 'output'),
        },
      ]),
    ),
  };
}

function parameters(operation: Endpoint['operation'], schema: ToSchema): Json[] {
  const { params, query } = operation;
  const headers = {
    ...(takesIdempotencyKey(operation) && { 'Idempotency-Key': idempotencyKeyText }),
    ...operation.headers,
  };
  const from = (type: z.ZodType | undefined, where: 'path' | 'query') => {
    const { properties = {}, required = [] } = type
      ? (schema(type, 'input') as { properties?: Record<string, Json>; required?: string[] })
      : {};
    return Object.entries(properties).map(([name, { description, ...shape }]) => ({
      name,
      in: where,
      required: where === 'path' || required.includes(name),
      ...(description !== undefined && { description }),
      schema: shape,
    }));
  };
  const fromHeaders = Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header',
    required: false,
    description,
    schema: { type: 'string' },
  }));
  return [...from(params, 'path'), ...from(query, 'query'), ...fromHeaders];
}

const idempotencyKeyText =
  'Of 1 to 255 visible ASCII characters. The request is done once for each key in 24 hours: a repeat is answered as it was, with `Idempotency-Replayed: true`';
