import { type Example, eventStream, exampleIds, type ResourceExamples } from '../openapi/example.js';

const events: Example = {
  name: 'Events',
  summary: 'The position of the stream, then a job that ended',
  type: 'text/event-stream',
  value: eventStream(
    { id: '1779008291204-0', event: 'ready', data: {} },
    {
      id: '1779008334730-0',
      event: 'job',
      data: {
        id: exampleIds.job,
        state: 'succeeded',
        version: 3,
        at: '2026-05-17T08:58:54.730Z',
        image: 'registry.example.com/payments/orders:1.4.2',
        function: 'openfaas-fn/orders',
        digest: exampleIds.image,
      },
    },
  ),
};

export const eventExamples: ResourceExamples = { followEvents: { 200: [events] } };
