import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { RouterProvider } from 'react-router/dom';
import { startTheme } from './layout/theme.js';
import { LiveProvider } from './live/live-provider.js';
import { createQueryClient } from './query-client.js';
import { reloadAfterUpdate } from './reload-after-update.js';
import { createRouter } from './routes.js';
import { SessionGate } from './session/session-gate.js';
import './styles/tokens.css';
import './styles/base.css';

startTheme();
reloadAfterUpdate();
const root = document.getElementById('root');
if (!root) throw new Error('the page has no #root');
createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={createQueryClient()}>
      <SessionGate>
        <LiveProvider>
          <RouterProvider router={createRouter()} />
        </LiveProvider>
      </SessionGate>
    </QueryClientProvider>
  </StrictMode>,
);
