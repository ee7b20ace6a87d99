/** The groups of operations, in the order in which the page of the document shows them. */
export const tags = Object.entries({
  Jobs: 'One image to build: submit, wait, read the log, cancel, repeat',
  Sources: 'What images are built from, kept by digest',
  Batches: 'Many jobs submitted at once',
  Functions: 'What was last built of each function, and rebuilds',
  Templates: 'Files that handlers are laid over',
  Events: 'What happens, as it happens',
  Webhooks: 'Endpoints that receive messages, and what was sent to them',
  Messages: 'What Slipway sends to endpoints and callbacks',
  Fleet: 'Builders, queues and statistics',
  Audit: 'Who asked for what',
  Tenants: 'Tenants, their limits and payload secrets',
  Tokens: 'Tokens of the API',
  'Function Builder': 'The Function Builder API of OpenFaaS',
}).map(([name, description]) => ({ name, description }));
