import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { startBuildkitd } from './buildkitd.js';
import { freePort, onFreePort } from './free-port.js';
import { mountsIn } from './mounts.js';
import { startRedis } from './redis/server.js';
import { startRegistry } from './registry.js';
import { shippedUsers } from './shipped.js';
import { temporaryFolder } from './temporary-folder.js';
import { findTool } from './tools.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

test('a free port can be bound, and is no port that a system gives to an outgoing connection', async () => {
  const port = await freePort();
  expect(port).toBeLessThan(32_768);
  const server = createServer().listen(port, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  server.close();
});

test('`fetch` does not refuse a free port: the last port that it refuses is 10080', async () => {
  expect(await freePort()).toBeGreaterThan(10_080);
});

test('ports are different ones, also when many are asked for at once', async () => {
  const found = await Promise.all(Array.from({ length: 200 }, () => freePort()));
  expect(new Set(found).size).toBe(200);
});

test('a port lost to another process is replaced, any other failure is passed on', async () => {
  let attempts = 0;
  const start = async () => {
    attempts++;
    if (attempts < 3) throw new Error('bind: Address already in use');
    return 'up';
  };
  expect(await onFreePort(undefined, start)).toBe('up');
  await expect(
    onFreePort(undefined, async () => {
      throw new Error('no');
    }),
  ).rejects.toThrow('no');
});

test('tools are found on PATH, and absence is undefined', () => {
  expect(findTool('sh')).toMatch(/^\/.*\/sh$/);
  expect(findTool('no-such-tool-here')).toBeUndefined();
});

test('a temporary folder is removed with what is in it, once or twice', async () => {
  const own = await temporaryFolder();
  expect(existsSync(own.path)).toBe(true);
  await own.remove();
  await own.remove();
  expect(existsSync(own.path)).toBe(false);
});

test('Redis runs as it ships: it keeps its data from one run to the next, and refuses clients without the password', async () => {
  const dir = folder.path;
  const users = await shippedUsers({ folder: dir, administrator: true });
  const first = await startRedis({ dir, users });
  const { username, password } = new URL(first.url);
  const ask = (port: number, line: string) => command(port, `AUTH ${username} ${password}`, line);
  expect(await command(first.port, 'GET {slipway}:x')).toMatch(/^-NOAUTH/);
  // A transaction is checked against the default user while it is read from the file.
  expect(await ask(first.port, 'MULTI\r\nSET {slipway}:x up\r\nSET {slipway}:y up\r\nEXEC')).toContain('+OK');
  for (const [name, value] of [
    ['maxmemory-policy', 'noeviction'],
    ['appendonly', 'yes'],
    ['appendfsync', 'always'],
  ])
    expect(await ask(first.port, `CONFIG GET ${name}`)).toContain(value);
  await first.stop();
  await first.stop();
  expect((await shippedUsers({ folder: dir, administrator: true })).password).toBe(password);
  const second = await startRedis({ dir, users });
  expect(await ask(second.port, 'GET {slipway}:y')).toContain('up');
  await second.stop();
});

test('a Redis without users keeps nothing', async () => {
  const redis = await startRedis();
  expect(await command(redis.port, 'CONFIG GET appendonly')).toContain('no');
  await redis.stop();
});

const hasRegistry = process.env.CI !== undefined || findTool('docker-registry') !== undefined;
test.runIf(hasRegistry)('a registry answers, with a login when there are passwords', async () => {
  const open = await startRegistry({ dir: join(folder.path, 'open') });
  expect((await fetch(`http://${open.host}/v2/_catalog`)).status).toBe(200);
  await open.stop();
  await open.stop();
  const locked = await startRegistry({ dir: join(folder.path, 'locked'), htpasswd: '' });
  expect((await fetch(`http://${locked.host}/v2/_catalog`)).status).toBe(401);
  await locked.stop();
});

const canRunBuildkitd = process.env.CI !== undefined || findTool('buildkitd') !== undefined;
describe.runIf(canRunBuildkitd)('buildkitd', () => {
  test('two daemons run beside each other', async () => {
    const start = (name: string) =>
      startBuildkitd({ dir: join(folder.path, name), insecureRegistries: ['127.0.0.1:5000'] });
    const daemons = await Promise.all([start('one'), start('two')]);
    expect(new Set(daemons.map((daemon) => daemon.address)).size).toBe(2);
    await Promise.all(daemons.map((daemon) => daemon.stop()));
    await Promise.all(daemons.map((daemon) => daemon.stop()));
  });

  test('leaves no mount in its folder, also when it is killed', async () => {
    const dir = join(folder.path, 'killed');
    const daemon = await startBuildkitd({ dir });
    const point = join(dir, 'tmp', 'mount');
    mkdirSync(point);
    execFileSync('mount', ['--bind', dir, point]);
    daemon.kill('SIGKILL');
    await daemon.exited;
    expect(mountsIn(dir)).toEqual([point]);
    await daemon.stop();
    expect(mountsIn(dir)).toEqual([]);
  });
});

/** Sends lines over a connection of its own and returns what it is answered. */
function command(port: number, ...lines: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () =>
      socket.write(`${[...lines, 'QUIT'].join('\r\n')}\r\n`),
    );
    let answers = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answers += text;
    });
    socket.once('end', () => resolve(answers)).once('error', reject);
  });
}
