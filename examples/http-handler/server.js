import { createServer } from 'node:http';
import { handle } from './handler.js';

const server = createServer((req, res) => {
  const { searchParams } = new URL(req.url ?? '/', 'http://function');
  res.writeHead(200, { 'content-type': 'application/json' });
  res.end(JSON.stringify(handle(searchParams)));
});
server.listen(Number(process.env.PORT), process.env.HOST);
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => server.close());
