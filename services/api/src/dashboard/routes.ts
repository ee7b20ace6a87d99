/** Routes of the dashboard. A direct request for one of them returns the page. */
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
