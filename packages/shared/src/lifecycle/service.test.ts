import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';

/** A service with name lookups, or other uncancelable work, that never end. */
const program = `
import { once } from 'node:events';
import { runService } from '@slipway/shared/lifecycle';
await runService({
  name: 'test',
  loadConfig: () => ({ logLevel: 'info', shutdownGraceMs: 600_000 }),
  create({ cleanups }) {
    setInterval(() => {}, 1_000);
    cleanups.defer('last', () => process.stdout.write('cleaned up\\n'));
    return [{ name: 'patient', async run(signal) { process.stdout.write('started\\n'); await once(signal, 'abort'); } }];
  },
});
`;

it('ends after its clean-up, even if something keeps Node.js alive', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    let printed = '';
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    await expect.poll(() => printed).toContain('started');
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(printed).toContain('cleaned up');
  } finally {
    child.kill('SIGKILL');
  }
});
