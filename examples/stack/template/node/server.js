import { createServer } from 'node:http';
import { handle } from './function/handler.js';

createServer(async (request, response) => {
  response.end(`${await handle(new URL(request.url ?? '/', 'http://localhost'))}\n`);
}).listen(Number(process.env.PORT));
