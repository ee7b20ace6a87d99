import { type Example, eventStream, type ResourceExamples } from '../openapi/example.js';

const lines = ['#5 [2/6] COPY package.json .', '#6 [3/6] RUN npm ci', '#6 2.413 added 91 packages in 2s'];

const text: Example = {
  name: 'LogAsText',
  summary: 'Lines as the build wrote them',
  type: 'text/plain',
  value: lines.map((line) => `${line}\n`).join(''),
};
const events: Example = {
  name: 'LogAsEvents',
  summary: 'Each line is an event. The last event has the state of the job',
  type: 'text/event-stream',
  value: eventStream(
    ...lines.map((line, at) => ({
      id: `1-${at + 1}`,
      event: 'log',
      data: { attempt: 1, line: at + 1, text: line },
    })),
    { event: 'end', data: { state: 'succeeded' } },
  ),
};

export const logExamples: ResourceExamples = { getJobLogs: { 200: [text, events] } };
