import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pagePolicy } from '@slipway/shared/http';
import express, { Router } from 'express';

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Slipway API</title>
    <link rel="stylesheet" href="docs/swagger-ui.css">
  </head>
  <body>
    <nav aria-label="Pages"><a href="./">Dashboard</a></nav>
    <div id="swagger-ui"></div>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;
const start = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true });\n`;

/** Serves `/openapi.json`, and a page at `/docs` that shows it without external resources. */
export function docsRouter(document: object): Router {
  const router = Router();
  const assets = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const body = JSON.stringify(document);
  router.get('/openapi.json', (_req, res) => {
    res.type('application/json').send(body);
  });
  router.get('/docs', (_req, res) => {
    // Swagger UI adds style elements to the page.
    res.set('Content-Security-Policy', pagePolicy({ inlineStyles: true }));
    res.type('html').send(page);
  });
  router.get('/docs/start.js', (_req, res) => {
    res.type('application/javascript').send(start);
  });
  router.use('/docs', express.static(assets, { index: false, maxAge: '1d' }));
  return router;
}
