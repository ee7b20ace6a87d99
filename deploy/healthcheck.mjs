// The health check of the images: exits 0 when the service of this container answers a path with success.
// Usage: node healthcheck.mjs [path], which is /healthz by default.
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';

// A port of its own, when there is one: clients of the service cannot fill it.
const { HEALTH_PORT, PORT, TLS_CERT_FILE: certFile } = process.env;
// Whether the certificate is one for this address is for clients to say: it is called here by another name than theirs.
const options = {
  host: '127.0.0.1',
  port: HEALTH_PORT || PORT,
  path: process.argv[2] ?? '/healthz',
  rejectUnauthorized: false,
};
const get = certFile ? getHttps : getHttp;
process.exitCode = 1;
get({ ...options, agent: false, signal: AbortSignal.timeout(4_000) }, (response) => {
  process.exitCode = response.statusCode === 200 ? 0 : 1;
  response.destroy();
}).on('error', ({ message }) => process.stderr.write(`${message}\n`));
