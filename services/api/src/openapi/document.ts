import { errorCodeSchema } from '@slipway/shared/contracts';
import { z } from 'zod';
import { type BodyForm, type Endpoint, formType } from '../http/operation.js';
import { Components, type Json, type ToSchema } from './components.js';
import { examplesOf, sharedExamples } from './examples.js';
import { messageCallbacks, messageHeaders } from './messages.js';
import { parametersOf, shareParameters } from './parameters.js';
import { problemAnswers, sharedAnswers, type UsualProblems, usualProblems } from './problems.js';

/** The groups of operations, in the order of the documentation page. */
const tags = Object.entries({
  Jobs: 'One image to build: submit, wait, read the log, cancel, repeat',
  Sources: 'Files to build images from, stored by digest',
  Batches: 'Many jobs submitted at once',
  Campaigns: 'Rebuilds of many functions in waves',
  Functions: 'The last build of each function, and rebuilds',
  Templates: 'Files that handlers are laid over',
  Events: 'Events as server-sent events',
  Webhooks: 'Endpoints that receive messages, and the log of deliveries',
  Messages: 'Messages that Slipway sends to endpoints and callbacks',
  Fleet: 'Builders, queues and statistics',
  Audit: 'Log of changes and refused requests',
  Tenants: 'Tenants, their limits and payload secrets',
  Tokens: 'Tokens of the API',
  'Function Builder': 'The Function Builder API of OpenFaaS',
}).map(([name, description]) => ({ name, description }));

const problemSchema = z
  .object({
    type: z.string().describe('`urn:slipway:error:<code>`'),
    title: z.string(),
    status: z.int(),
    code: errorCodeSchema,
    detail: z.string(),
    remedy: z.string(),
    errors: z
      .array(
        z
          .object({ path: z.string().describe('JSON Pointer'), message: z.string() })
          .meta({ id: 'FieldError' }),
      )
      .optional(),
    request_id: z.string().optional().describe('The value of `X-Request-Id`, for support'),
  })
  .meta({ id: 'Problem' });

/** Returns the OpenAPI 3.1 document of the endpoints, made from the schemas that parse their requests. */
export function openApiDocument(endpoints: readonly Endpoint[]): Json {
  const components = new Components();
  const schema: ToSchema = (type, io) => components.schemaOf(type, io);
  const described: Parameters<typeof shareParameters>[0] = {};
  const callbacks = messageCallbacks(schema);
  const operations = endpoints.map(({ operation }) => operation);
  const usual = usualProblems(operations);
  for (const operation of operations) {
    const { path, method, id } = operation;
    const own = { ...describe(operation, schema), responses: responsesOf(operation, schema, usual) };
    described[path] = {
      ...described[path],
      [method]: { ...own, ...(id === 'createWebhook' && { callbacks }) },
    };
  }
  const { paths, parameters } = shareParameters(described);
  const document = components.complete({
    openapi: '3.1.0',
    info: {
      title: 'Slipway',
      version: '1',
      description: 'A queue-backed build orchestrator for fleets of OpenFaaS Function Builder replicas.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    // The first server is the origin of the document. The second is the default address of a local installation.
    servers: [
      { url: '/', description: 'The installation that serves this document' },
      { url: 'http://127.0.0.1:8080', description: 'An installation on this machine' },
    ],
    security: [{ token: [] }],
    tags,
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schema(problemSchema, 'output') },
      parameters: { ...parameters, ...messageHeaders },
      responses: sharedAnswers(operations, usual),
    },
  });
  // Added after the schemas are complete: an example is a value, without references.
  return { ...document, components: { ...document.components, examples: sharedExamples() } };
}

/** The one media type of a stream that all generators support. The description names the others. */
const streamType = 'application/octet-stream';

function describeStream({ types, description }: NonNullable<Endpoint['operation']['stream']>) {
  const others = types.filter((type) => type !== streamType);
  return { description: `${description}. Also taken as ${others.join(', ')}`, 'x-other-content': others };
}

const bytes = { type: 'string', format: 'binary' };

function describe(operation: Endpoint['operation'], schema: ToSchema) {
  const { id, tag, summary, description, body, form, stream } = operation;
  const content = body
    ? {
        'application/json': { schema: schema(body, 'input'), ...examplesOf(id, 'request') },
      }
    : stream && { [streamType]: { schema: bytes } };
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(operation.scope === 'none' ? { security: [] } : { 'x-scope': operation.scope }),
    parameters: parametersOf(operation, schema),
    ...(content && {
      requestBody: {
        required: true,
        content,
        ...(stream && describeStream(stream)),
        ...(form && describeForm(form, schema)),
      },
    }),
  };
}

function responsesOf(operation: Endpoint['operation'], schema: ToSchema, usual: UsualProblems): Json {
  const { id, answers } = operation;
  const described = Object.entries(answers).map(([status, answer]) => [
    status,
    describeAnswer(answer, schema, (type) => examplesOf(id, Number(status), type)),
  ]);
  return { ...Object.fromEntries(described), ...problemAnswers(operation, usual) };
}

function describeForm({ description, parts, types }: BodyForm<unknown>, schema: ToSchema): Json {
  const encoding = Object.entries(types).map(([name, contentType]) => [name, { contentType }]);
  return {
    description: `Or ${formType}: ${description}`,
    'x-other-content': {
      [formType]: { schema: schema(parts, 'input'), encoding: Object.fromEntries(encoding) },
    },
  };
}

function describeAnswer(
  answer: Endpoint['operation']['answers'][number],
  schema: ToSchema,
  examples: (type: string) => Json,
): Json {
  const { description, content = {}, inWords = {}, headers } = answer;
  const described = Object.entries(content).map(([type, shape]) => [
    type,
    { ...describeContent(type, shape, schema), ...examples(type) },
  ]);
  const others = Object.entries(inWords).map(([type, shape]) => [type, describeContent(type, shape, schema)]);
  return {
    description: [
      description,
      ...Object.keys(inWords).map((type) => `Also as \`${type}\`, by \`Accept\``),
    ].join('. '),
    ...(headers && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [
          name,
          { description: text, schema: { type: 'string' } },
        ]),
      ),
    }),
    ...(described.length > 0 && { content: Object.fromEntries(described) }),
    ...(others.length > 0 && { 'x-other-content': Object.fromEntries(others) }),
  };
}

/** Media types of streamed bodies, and their pieces. Generators treat such a body as text. */
const pieces: Readonly<Record<string, string>> = {
  'text/event-stream': 'Server-sent events. `x-each` is the schema of their data',
  'application/x-ndjson': 'One JSON value a line. `x-each` is its schema',
};

function describeContent(type: string, shape: z.ZodType | string, schema: ToSchema): Json {
  if (typeof shape === 'string')
    return { schema: { ...(type.startsWith('text/') ? { type: 'string' } : bytes), description: shape } };
  const own = schema(shape, 'output');
  const piece = pieces[type];
  return piece === undefined
    ? { schema: own }
    : { schema: { type: 'string', description: piece }, 'x-each': own };
}
