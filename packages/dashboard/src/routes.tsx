import { createBrowserRouter, Navigate } from 'react-router';
import { PageComing, PageFailed, PageMissing } from './layout/failed.js';
import { Shell } from './layout/shell.js';

/**
 * Returns the router. `lazy` loads the code of a page when the user opens it. The API serves the page at these
 * addresses, listed in services/api/src/dashboard/routes.ts: add a new address there as well.
 */
export const createRouter = () =>
  createBrowserRouter([
    {
      element: <Shell />,
      errorElement: <PageFailed />,
      HydrateFallback: PageComing,
      children: [
        { index: true, element: <Navigate to="/fleet" replace /> },
        {
          errorElement: <PageFailed />,
          children: [
            {
              path: 'fleet',
              lazy: async () => ({ Component: (await import('./fleet/fleet-page.js')).FleetPage }),
            },
            {
              path: 'batches',
              lazy: async () => ({ Component: (await import('./batches/batches-page.js')).BatchesPage }),
            },
            {
              path: 'batches/:id',
              lazy: async () => ({ Component: (await import('./batches/batch-page.js')).BatchPage }),
            },
            {
              path: 'jobs',
              lazy: async () => ({ Component: (await import('./jobs/jobs-page.js')).JobsPage }),
            },
            {
              path: 'jobs/:id',
              lazy: async () => ({ Component: (await import('./jobs/job-page.js')).JobPage }),
            },
            {
              path: 'functions',
              lazy: async () => ({
                Component: (await import('./functions/functions-page.js')).FunctionsPage,
              }),
            },
            {
              path: 'functions/rebuild',
              lazy: async () => ({ Component: (await import('./functions/rebuild-page.js')).RebuildPage }),
            },
            {
              path: 'functions/:namespace/:name',
              lazy: async () => ({ Component: (await import('./functions/function-page.js')).FunctionPage }),
            },
            {
              path: 'webhooks',
              lazy: async () => ({ Component: (await import('./webhooks/webhooks-page.js')).WebhooksPage }),
            },
            {
              path: 'webhooks/:id',
              lazy: async () => ({ Component: (await import('./webhooks/webhook-page.js')).WebhookPage }),
            },
            {
              path: 'deliveries/:id',
              lazy: async () => ({ Component: (await import('./webhooks/delivery-page.js')).DeliveryPage }),
            },
            { path: '*', element: <PageMissing /> },
          ],
        },
      ],
    },
  ]);
