/** The groups of operations, in the order of the documentation page. */
export const tags = Object.entries({
  Jobs: 'One image to build: submit, wait, read the log, cancel, repeat',
  Sources: 'Files to build images from, stored by digest',
  Batches: 'Many jobs submitted at once',
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
