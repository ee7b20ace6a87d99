import { once } from 'node:events';
import { createServer, type Http2Server } from 'node:http2';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { temporaryFolder } from '@slipway/local';
import { createLogger } from '@slipway/shared/logger';
import { afterAll, afterEach, expect, test } from 'vitest';
import { BuildkitEngine } from './buildkit.js';
import { frame } from './protocol/grpc.js';
import { listWorkersResponse } from './protocol/messages.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());
const servers: Http2Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** Starts a server that answers every call with one worker and the trailers. Returns an engine that calls it. */
async function engineWith({
  version,
  label = 'sandbox',
  trailers = { 'grpc-status': '0' },
}: {
  readonly version: string;
  readonly label?: string;
  readonly trailers?: Readonly<Record<string, string>>;
}) {
  const server = createServer();
  server.on('stream', (stream) => {
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true });
    const labels = { 'org.mobyproject.buildkit.worker.oci.process-mode': label };
    const worker = { id: 'x', labels, version: { package: '', version } };
    stream.end(frame(listWorkersResponse, { workers: [worker] }));
  });
  servers.push(server);
  const path = join(folder.path, `${servers.length}-${version}.sock`);
  await once(server.listen(path), 'listening');
  const destination = new PassThrough();
  const engine = engineAt(`unix://${path}`, destination);
  return { engine, log: () => String(destination.read() ?? '') };
}

const engineAt = (address: string, destination = new PassThrough()) =>
  new BuildkitEngine({
    address,
    sbomScanner: undefined,
    warnings: [],
    insecureRegistries: [],
    dockerConfig: folder.path,
    env: {},
    helperEnv: {},
    configDir: folder.path,
    killGraceMs: 100,
    logger: createLogger({ name: 'test', level: 'info', destination }),
  });

test('the check says how steps are isolated', async () => {
  const { engine, log } = await engineWith({ version: 'v0.31.1' });
  await engine.check();
  expect(engine.reported).toBe('buildkit');
  const open = await engineWith({ version: 'v0.34.2', label: 'no-sandbox' });
  await open.engine.check();
  expect(open.engine.reported).toBe('buildkit-no-sandbox');
  expect(log()).toBe('');
});

test('a daemon that is too old is refused', async () => {
  const { engine } = await engineWith({ version: 'v0.12.3' });
  await expect(engine.check()).rejects.toMatchObject({
    code: 'engine_unreachable',
    message: expect.stringContaining('v0.12.3 is older than 0.31.1: install a newer BuildKit'),
  });
  expect(engine.reported).toBeUndefined();
});

test('a daemon without a version is taken, which the log says once', async () => {
  const { engine, log } = await engineWith({ version: '' });
  await engine.check();
  await engine.check();
  expect(log().match(/does not report its version/g)).toHaveLength(1);
});

test('the check fails with what the daemon said, or with the error of the connection', async () => {
  const trailers = { 'grpc-status': '13', 'grpc-message': 'no %C3%A4nswer' };
  const { engine } = await engineWith({ version: 'v0.34.2', trailers });
  await expect(engine.check()).rejects.toMatchObject({
    code: 'engine_unreachable',
    message: expect.stringContaining('no änswer'),
  });
  await expect(engineAt(`unix://${folder.path}/missing.sock`).check()).rejects.toMatchObject({
    code: 'engine_unreachable',
    message: expect.stringContaining('ENOENT'),
  });
});
