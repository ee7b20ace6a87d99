import {
  baseImageMessageSchema,
  batchMessageSchema,
  builderMessageSchema,
  jobMessageSchema,
  webhookMessageSchema,
} from '@slipway/shared/contracts';
import type { z } from 'zod';
import type { Json, ToSchema } from './components.js';
import { examplesOf } from './examples.js';
import { pascal } from './parameters.js';

interface Message {
  readonly summary: string;
  readonly schema: z.ZodType;
}

const messages: Readonly<Record<string, Message>> = {
  job: {
    summary: 'A job changed its state, or ended; `callback.url` receives only the end',
    schema: jobMessageSchema,
  },
  batch: { summary: 'All jobs of a batch have ended', schema: batchMessageSchema },
  builder: { summary: 'The circuit of a builder opened or closed', schema: builderMessageSchema },
  webhook: { summary: 'An endpoint was disabled, or is tested', schema: webhookMessageSchema },
  base_image: { summary: 'A base image has another digest in its registry', schema: baseImageMessageSchema },
};

/** The headers of messages, by the names of shared parameters. */
export const messageHeaders: Readonly<Record<string, Json>> = Object.fromEntries(
  Object.entries({
    'webhook-id': 'Id of the message: the same in all attempts, for all endpoints, and when it is sent again',
    'webhook-timestamp': 'Time of this attempt, in seconds since the epoch',
    'webhook-signature':
      '`v1,` and the base64 of the HMAC-SHA256 of `<webhook-id>.<webhook-timestamp>.<body>`; two of them, separated by a space, while a secret is being rotated',
    'user-agent': 'Slipway',
  }).map(([name, description]) => [
    pascal(name),
    { name, in: 'header', required: true, description, schema: { type: 'string' } },
  ]),
);

/**
 * Returns the messages of Slipway, as callbacks of the operation that creates an endpoint. They are not `webhooks` of the document:
 * openapi-generator 7 generates invalid Python from these, and oapi-codegen 2 drops schemas that nothing else refers to.
 */
export function messageCallbacks(schema: ToSchema): Json {
  const callbacks = Object.entries(messages).map(([name, message]) => [
    name,
    {
      '{$request.body#/url}': {
        post: describe(`receive${pascal(name)}Message`, message, schema),
      },
    },
  ]);
  return Object.fromEntries(callbacks);
}

const headers = Object.keys(messageHeaders).map((name) => ({ $ref: `#/components/parameters/${name}` }));

function describe(operationId: string, { summary, schema: type }: Message, schema: ToSchema): Json {
  const body = { schema: schema(type, 'output'), ...examplesOf(operationId, 'request') };
  return {
    operationId,
    tags: ['Messages'],
    summary,
    description:
      'Standard Webhooks 1.0, for callbacks and for endpoints of the format `standard`. docs/webhooks.md describes how to verify a message.',
    // The receiver must not get the token of this API.
    security: [],
    parameters: headers,
    requestBody: { required: true, content: { 'application/json': body } },
    responses: {
      '2XX': { description: 'Delivered' },
      '410': { description: 'Not tried again; the endpoint is disabled' },
      default: { description: 'Tried again, including redirects' },
    },
  };
}
