import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** For `vite`, which serves the pages while they are being written: where the API is. */
const api = process.env.SLIPWAY_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  plugins: [react({ jsxImportSource: '#jsx' })],
  resolve: { conditions: ['slipway-source', 'module', 'browser', 'development|production'] },
  build: {
    outDir: 'dist/site',
    target: 'es2022',
    // What the size test reads: which files the first page loads.
    manifest: 'manifest.json',
    // The content security policy lets nothing in that is not a file of its own.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { host: '127.0.0.1', proxy: { '/v1': api } },
});
