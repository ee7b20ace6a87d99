// The health check of the images: exits 0 when the service of this container answers a path with success.
// Usage: node healthcheck.mjs [path], which is /healthz by default.
const path = process.argv[2] ?? '/healthz';
const response = await fetch(`http://127.0.0.1:${process.env.PORT}${path}`, {
  signal: AbortSignal.timeout(4_000),
});
process.exitCode = response.ok ? 0 : 1;
