#!/usr/bin/env node
// Measures clients of S3 against versitygw: size of the installation, start, memory, requests per second.
// Usage: node bench/s3-clients/measure.mjs   (needs `npm run build`, versitygw and an npm registry)
import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { credentialsEnv, startVersitygw, temporaryFolder } from '@slipway/local';

const run = promisify(execFile);
const clients = ['@aws-sdk/client-s3@3.1175.0', 'minio@8.0.7', 'aws4fetch@1.0.20'];
const starts = 7;

const folder = await temporaryFolder();
const server = await startVersitygw();
try {
  for (const client of clients) {
    const [name] = /^.[^@]*/.exec(client);
    const cwd = join(folder.path, name.replace(/\W/g, '-'));
    await run('npm', ['install', '--prefix', cwd, '--no-audit', '--no-fund', '--save-exact', client]);
    const { files, bytes } = await sizeOf(join(cwd, 'node_modules'));
    const env = { ...process.env, ...credentialsEnv(server.credentials), ENDPOINT: server.endpoint };
    const measured = async (what) => {
      const args = [join(import.meta.dirname, 'client.mjs'), name, cwd, what];
      return JSON.parse((await run(process.execPath, args, { env })).stdout);
    };
    const loads = [];
    for (let n = 0; n < starts; n++) loads.push(await measured('load'));
    const middle = (field) => loads.map((load) => load[field]).sort((a, b) => a - b)[starts >> 1];
    const row = {
      client,
      files,
      installed_mb: round(bytes / 1e6),
      load_ms: middle('ms'),
      rss_mb: middle('rssMb'),
    };
    print(JSON.stringify({ ...row, ...(await measured('requests')) }));
  }
} finally {
  await server.stop();
  await folder.remove();
}

function print(line) {
  process.stdout.write(`${line}\n`);
}

function round(value) {
  return Math.round(value * 10) / 10;
}

async function sizeOf(path) {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  let bytes = 0;
  for (const { parentPath, name } of files) bytes += (await stat(join(parentPath, name))).size;
  return { files: files.length, bytes };
}
