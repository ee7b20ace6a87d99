/** Addresses of the dashboard that have a page of their own: what is loaded directly or reloaded there is the page. */
export const dashboardPages: readonly string[] = [
  '/',
  '/fleet',
  '/batches',
  '/batches/:id',
  '/jobs',
  '/jobs/:id',
  '/functions',
  '/functions/rebuild',
  '/functions/:namespace/:name',
  '/webhooks',
  '/webhooks/:id',
  '/deliveries/:id',
];
