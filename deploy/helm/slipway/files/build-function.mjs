// Builds one function end to end: uploads a source, posts a job, waits for its end. Exits 0 only if the image was built.
// Runs in a pod of `helm test`, with the image of the API.
import { readFileSync } from 'node:fs';

const {
  SLIPWAY_URL: url,
  API_TOKEN_FILE: tokenFile,
  IMAGE: image,
  POOL: pool,
  TIMEOUT_SECONDS: seconds,
} = process.env;
const authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
const print = (line) => process.stdout.write(`${line}\n`);
const deadline = AbortSignal.timeout(Number(seconds) * 1000);

/** Returns a tar archive of small files, in the format of POSIX ustar. */
function tar(files) {
  const blocks = Object.entries(files).flatMap(([name, text]) => {
    const content = Buffer.from(text);
    const header = Buffer.alloc(512);
    const octal = (value, length) => value.toString(8).padStart(length - 1, '0');
    const fields = [
      [0, name],
      [100, octal(0o644, 8)],
      [108, octal(0, 8)],
      [116, octal(0, 8)],
      [124, octal(content.length, 12)],
      [136, octal(0, 12)],
      [148, ' '.repeat(8)],
      [156, '0'],
      [257, 'ustar'],
      [263, '00'],
    ];
    for (const [offset, value] of fields) header.write(value, offset, 'latin1');
    header.write(
      `${octal(
        header.reduce((sum, byte) => sum + byte),
        7,
      )}\0`,
      148,
      'latin1',
    );
    return [header, content, Buffer.alloc(-content.length & 511)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Returns the JSON of an answer. While the API starts or drains, the request is repeated. */
async function request(path, options = {}) {
  for (;;) {
    deadline.throwIfAborted();
    try {
      const response = await fetch(url + path, {
        ...options,
        headers: { authorization, ...options.headers },
        signal: deadline,
      });
      const text = await response.text();
      if (response.ok) return JSON.parse(text);
      if (response.status !== 503) throw new Error(`${path} answered ${response.status}: ${text}`);
      print(`${path} answered 503, once more: ${text}`);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      print(`${url} cannot be reached, once more: ${error.cause?.message ?? error.message}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

const run = Date.now().toString(36);
const files = { Dockerfile: 'FROM scratch\nCOPY handler /handler\n', handler: `built by helm test ${run}\n` };
const { digest } = await request('/v1/sources', { method: 'POST', body: tar(files) });
print(`uploaded ${digest}`);
const job = await request('/v1/jobs', {
  method: 'POST',
  headers: { 'content-type': 'application/json', 'idempotency-key': `helm-test-${run}` },
  body: JSON.stringify({
    image: image || 'registry.invalid/slipway/helm-test:latest',
    ...(!image && { push: false }),
    ...(pool && { pool }),
    source: { digest },
  }),
});
print(`accepted ${job.id}`);
let shown = job;
while (!['succeeded', 'failed', 'canceled'].includes(shown.state)) {
  shown = await request(`/v1/jobs/${job.id}?wait=10`);
  print(`${shown.id} is ${shown.state}`);
}
print(JSON.stringify(shown, null, 2));
if (shown.state !== 'succeeded') process.exit(1);
