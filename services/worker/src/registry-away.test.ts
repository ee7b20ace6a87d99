import { createServer, type Server, type Socket, connect as tcp } from 'node:net';
import { join } from 'node:path';
import { listRegistries } from '@slipway/control-plane/jobs';
import {
  freePort,
  type RegistryHandle,
  startRegistry,
  type TemporaryFolder,
  temporaryFolder,
} from '@slipway/local';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Behaviour, type Replica, startReplica, stream, success } from './testing/replica.js';
import { createInstallation, type Installation, payloadSecret } from './testing/start-worker.js';

let folder: TemporaryFolder;
let registry: RegistryHandle;
let installation: Installation;
let replica: Replica;
beforeAll(async () => {
  folder = await temporaryFolder();
  const logFile = join(folder.path, 'registry.log');
  registry = await startRegistry({ dir: join(folder.path, 'registry'), logFile });
  installation = await createInstallation(inject('redisUrl'));
  replica = await startReplica(payloadSecret);
});
afterAll(async () => {
  await installation?.dispose();
  await replica?.stop();
  await registry?.stop();
  await folder?.remove();
});

/** An address of the registry that can be cut off. */
function startProxy(to: string) {
  const [host = '', port = ''] = to.split(':');
  const sockets = new Set<Socket>();
  let server: Server | undefined;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy()).on('close', () => sockets.delete(socket));
  };
  return {
    async start(at: number) {
      const listening = createServer((client) => {
        const upstream = tcp(Number(port), host);
        for (const socket of [client, upstream]) keep(socket);
        client.pipe(upstream).pipe(client);
      });
      server = listening;
      await new Promise<void>((resolve) => listening.listen(at, '127.0.0.1', resolve));
    },
    async stop() {
      const closed = new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Begins an upload to the registry that the image names, and says what BuildKit says where that fails. */
const push: Behaviour = async (call) => {
  const image = /"image":"([^"]+)"/.exec(call.body.toString('latin1'))?.[1] ?? '';
  const [host, path] = image.split(/\/|:\d+$/);
  try {
    const { status } = await fetch(`http://${host}/v2/${path}/blobs/uploads/`, { method: 'POST' });
    expect(status).toBe(202);
    await stream(success)(call);
  } catch {
    const error = `failed to solve: failed to push ${image}: failed to do request: Post "http://${host}/v2/": dial tcp ${host}: connect: connection refused`;
    await stream({ status: 'failed', error })(call);
  }
};

it('jobs wait for a registry that is away and succeed when it is back; jobs for another go on meanwhile', async () => {
  const { redis, keys } = installation;
  const proxy = startProxy(registry.host);
  const port = await freePort();
  const away = `127.0.0.1:${port}`;
  replica.next(...Array<Behaviour>(500).fill(push));
  await installation.startWorker([replica.url], { maxAttempts: 1 });
  const waiting: string[] = [];
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    waiting.push(await installation.submit({ image: `${away}/${name}:1` }));
  }
  // A probe has failed too.
  const circuit = async () => {
    const [state] = await listRegistries({ redis, keys, now: Date.now() });
    return { registry: state?.registry, probed: (state?.faults ?? 0) >= 4, wait: (state?.waiting ?? 0) >= 4 };
  };
  await expect.poll(circuit, { interval: 100 }).toEqual({ registry: away, probed: true, wait: true });
  const others = [];
  for (const name of ['g', 'h', 'i']) {
    others.push(await installation.submit({ image: `${registry.host}/${name}:1` }));
  }
  for (const id of others) expect((await installation.ended(id)).state).toBe('succeeded');
  for (const id of waiting) expect((await installation.job(id)).state).toMatch(/queued|running/);
  await proxy.start(port);
  try {
    const states = async () => (await Promise.all(waiting.map(installation.job))).map(({ state }) => state);
    await expect.poll(states).toEqual(waiting.map(() => 'succeeded'));
    const tried = (await Promise.all(waiting.map(installation.job))).flatMap(({ attempts }) => attempts);
    expect(new Set(tried.map(({ outcome }) => outcome))).toEqual(
      new Set(['registry_unreachable', 'succeeded']),
    );
  } finally {
    await proxy.stop();
  }
}, 150_000);
