import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { startBuildkitd } from './buildkitd.js';
import { freePort, onFreePort } from './free-port.js';
import { startRedis } from './redis.js';
import { startRegistry } from './registry.js';
import { temporaryFolder } from './temporary-folder.js';
import { findTool } from './tools.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

test('a free port can be bound', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  server.close();
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

test('Redis keeps its data from one run to the next when asked', async () => {
  const dir = folder.path;
  const first = await startRedis({ dir, appendOnly: true });
  expect(await command(first.port, 'SET slipway up')).toBe('+OK');
  expect(await command(first.port, 'CONFIG GET maxmemory-policy')).toContain('noeviction');
  await first.stop();
  await first.stop();
  const second = await startRedis({ dir, appendOnly: true });
  expect(await command(second.port, 'GET slipway')).toContain('up');
  await second.stop();
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
});

function command(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(`${line}\r\n`));
    socket.once('data', (chunk) => {
      socket.destroy();
      resolve(chunk.toString().trim());
    });
    socket.once('error', reject);
  });
}
