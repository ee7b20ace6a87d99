import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const payloadSecret = 'payload secret';

/** A payload as GNU tar packs it: the configuration last or first, with or without `./`. */
export function payload(
  image: string,
  order = ['context', 'com.openfaas.docker.config'],
): Buffer<ArrayBuffer> {
  const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
  mkdirSync(join(folder, 'context'));
  writeFileSync(join(folder, 'context', 'Dockerfile'), 'FROM scratch\n');
  writeFileSync(join(folder, 'context', 'large'), Buffer.alloc(300_000, 1));
  writeFileSync(join(folder, 'com.openfaas.docker.config'), JSON.stringify({ image }));
  const { stdout } = spawnSync('tar', ['-C', folder, '-cf', '-', ...order], { maxBuffer: 2 ** 24 });
  rmSync(folder, { recursive: true });
  return Buffer.from(stdout);
}

export const sign = (body: Buffer) =>
  `sha256=${createHmac('sha256', payloadSecret).update(body).digest('hex')}`;

/** A line of a streamed answer, in any spelling. */
interface Line {
  readonly status: string;
  readonly log?: readonly string[];
  readonly line?: number;
  readonly image?: string;
  readonly error?: string;
}

/** The lines of a streamed answer. Rejects when it breaks off. */
export const linesOf = async (answer: Response): Promise<Line[]> =>
  (await answer.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
