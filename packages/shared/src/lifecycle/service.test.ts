import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Starts a service whose creation is the body of a function with the arguments `cleanups`, `countWork` and `endEarly`, and waits until it has printed "started". */
async function startService(create: string) {
  const program = `
import { once } from 'node:events';
import { runService } from '@slipway/shared/lifecycle';
setInterval(() => {}, 1_000);
const started = () => process.stdout.write('started\\n');
const forever = new Promise(() => {});
await runService({
  loadConfig: () => ({ logLevel: 'info', shutdownGraceMs: 600_000 }),
  endingMs: 200,
  async create({ cleanups, countWork, endEarly }) { ${create} },
});
`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  let printed = '';
  child.stdout.on('data', (chunk) => {
    printed += chunk;
  });
  await expect.poll(() => printed).toContain('started');
  return { child, printed: () => printed, ended: once(child, 'exit') };
}

describe('a service that is stopped', () => {
  it('ends after its clean-up, even if something keeps Node.js alive', async () => {
    const { child, printed, ended } = await startService(`
      cleanups.defer('last', () => process.stdout.write('cleaned up\\n'));
      return [{ name: 'patient', async run(signal) { started(); await once(signal, 'abort'); } }];
    `);
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(printed()).toContain('cleaned up');
  });

  it('ends without its grace time when it waits for something, and no work is left', async () => {
    const { child, printed, ended } = await startService(`
      countWork(() => 0);
      return [{ name: 'stuck', async run() { started(); await forever; } }];
    `);
    child.kill('SIGTERM');
    expect(await ended).toEqual([1, null]);
    expect(printed()).toContain('no work is left');
  });

  it('has its grace time for work', async () => {
    const { child, printed, ended } = await startService(`
      let work = 1;
      countWork(() => work);
      process.stdin.once('data', () => { work = 0; });
      return [{ name: 'stuck', async run(signal) {
        started();
        await once(signal, 'abort');
        setTimeout(() => process.stdout.write('still there\\n'), 1_000);
        await forever;
      } }];
    `);
    child.kill('SIGTERM');
    await expect.poll(printed, { timeout: 10_000 }).toContain('still there');
    child.stdin?.write('end\n');
    expect(await ended).toEqual([1, null]);
  });

  it('ends early for a reason, though it has work, and only once it is stopped', async () => {
    const { child, printed, ended } = await startService(`
      countWork(() => 1);
      let looks = 0;
      endEarly(() => { looks++; return looks > 2 ? 'the store is away' : undefined; });
      return [{ name: 'stuck', async run(signal) {
        started();
        await once(signal, 'abort');
        process.stdout.write('looks before the stop: ' + looks + '\\n');
        await forever;
      } }];
    `);
    child.kill('SIGTERM');
    expect(await ended).toEqual([1, null]);
    expect(printed()).toContain('looks before the stop: 0');
    expect(printed()).toContain('the store is away');
  });

  it('ends without its grace time while it is still being created', async () => {
    const { child, ended } = await startService('started(); await forever;');
    child.kill('SIGTERM');
    expect(await ended).toEqual([1, null]);
  });
});
