import { readdir, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { postBuild, resultOf } from '../testing/post-build.js';
import { goodBody, startScripted } from '../testing/scripted-service.js';

const mebibyte = 1024 * 1024;
const wrong = `sha256=${'0'.repeat(64)}`;

async function bytesBelow(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true });
  const found = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  return found.reduce((sum, each) => sum + (each?.isFile() ? each.size : 0), 0);
}

/** Sends most of a payload whose signature is wrong, and no more. */
async function begin(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve) => socket.once('connect', resolve));
  socket.write(
    `POST /build HTTP/1.1\r\nHost: x\r\nX-Build-Signature: ${wrong}\r\nContent-Length: ${mebibyte}\r\n\r\n`,
  );
  socket.write(Buffer.alloc(1_000_000));
  return socket;
}

test('more than ten builds at once cause no warning about listeners', async () => {
  const warnings: string[] = [];
  const onWarning = ({ name }: Error) => warnings.push(name);
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  const { url, engine } = await startScripted();
  const builds = Array.from({ length: 12 }, () => postBuild({ url, body: goodBody }));
  await expect.poll(() => engine.builds.length).toBe(12);
  for (const { succeed } of engine.builds) succeed();
  for (const build of builds) expect(await resultOf(await build)).toMatchObject({ status: 'success' });
  expect(warnings).toEqual([]);
});

test('payloads that are not verified fill no more than their budget, and a right one waits for room', async () => {
  const budget = { MAX_SOURCE_BYTES: String(mebibyte), UNVERIFIED_PAYLOAD_BYTES: String(3 * mebibyte) };
  const { url, port, workDir, engine } = await startScripted(budget);
  engine.onBuild = ({ succeed }) => succeed();
  const sockets = await Promise.all(Array.from({ length: 20 }, () => begin(port)));
  // The oldest has come as far as it does, and others have begun.
  await expect.poll(() => bytesBelow(workDir)).toBeGreaterThan(1_000_000);
  for (let n = 0; n < 20; n++) await fetch(`${url}/healthz`);
  expect(await bytesBelow(workDir)).toBeLessThanOrEqual(3 * mebibyte);
  const built = postBuild({ url, body: goodBody });
  for (const socket of sockets) socket.destroy();
  expect(await resultOf(await built)).toMatchObject({ status: 'success' });
  await expect.poll(() => bytesBelow(workDir)).toBe(0);
});

test('a right payload is built however many wrong ones came from its network', async () => {
  const { url, engine } = await startScripted();
  engine.onBuild = ({ succeed }) => succeed();
  for (let n = 0; n < 31; n++) {
    const refused = await postBuild({ url, body: goodBody, headers: { 'X-Build-Signature': wrong } });
    expect([refused.status, (await resultOf(refused)).code]).toEqual([401, 'signature_invalid']);
  }
  expect(await resultOf(await postBuild({ url, body: goodBody }))).toMatchObject({ status: 'success' });
});
