import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The API's URL, for `vite` in development mode. */
const api = process.env.SLIPWAY_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react({ jsxImportSource: '#jsx' })],
  resolve: { conditions: ['slipway-source', 'module', 'browser', 'development|production'] },
  build: {
    outDir: 'dist/site',
    target: 'es2022',
    // The size test reads this manifest: it lists the files that the first page loads.
    manifest: 'manifest.json',
    // The content security policy allows only separate files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { host: '127.0.0.1', proxy: { '/v1': api } },
});
