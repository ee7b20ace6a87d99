import { writeFile } from 'node:fs/promises';
import { argv } from 'node:process';
import { apiEndpoints, type EndpointDeps } from '../endpoints.js';
import { openApiDocument } from './document.js';

// Usage: node dist/openapi/write.js <file>. Endpoints are described here, never called, so they need no dependencies.
const [, , file] = argv;
if (file === undefined) throw new Error('name the file to write the OpenAPI document to');
const document = openApiDocument(apiEndpoints({} as EndpointDeps));
await writeFile(file, `${JSON.stringify(document, undefined, 2)}\n`);
