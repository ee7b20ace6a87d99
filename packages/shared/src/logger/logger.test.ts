import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createLogger } from './index.js';

const logger = fileURLToPath(new URL('../../dist/logger/index.js', import.meta.url));

/** Arguments of a process that writes log lines. */
const script = (code: string) => [
  '--input-type=module',
  '--eval',
  `import { createLogger } from '${logger}'; const logger = createLogger({ name: 'test', level: 'info' }); ${code}`,
];

describe('the lines of a process', () => {
  it.each([
    ['exits', "logger.info('last'); process.exit()"],
    ['ends', "logger.info('last')"],
    ['throws an error that nothing catches', "logger.info('last'); throw new Error('unknown')"],
  ])('are written when it %s', async (_how, code) => {
    const { stdout } = await promisify(execFile)(process.execPath, script(code)).catch((error) => error);
    expect(stdout).toMatch(/"msg":"last"\}\n$/);
  });

  it.each([
    ['the first', "logger.info('now')"],
    ['a warning behind others', "logger.info('first'); logger.info('before'); logger.warn('now')"],
  ])('are written at once: %s', async (_which, lines) => {
    // Gathered lines wait for a timer that never comes.
    const timers =
      'globalThis.setTimeout = () => ({ unref() { return this; } }); setInterval(() => {}, 1_000);';
    const child = spawn(process.execPath, script(`${timers} ${lines}`), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = once(child, 'exit');
    const messages: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      messages.push(JSON.parse(line).msg);
      if (messages.at(-1) === 'now') child.kill('SIGKILL');
    }
    await exit;
    expect(messages).toEqual([...lines.matchAll(/'(\w+)'/g)].map(([, message]) => message));
  });
});

it('lines have no headers that carry credentials', () => {
  const lines: string[] = [];
  const destination = { write: (line: string) => void lines.push(line) };
  const made = createLogger({ name: 'test', level: 'info', destination });
  const headers = { authorization: 'secret', cookie: 'secret', 'x-build-signature': 'secret', accept: 'all' };
  made.info({ headers, at: 1, none: null });
  made.error({ err: Object.assign(new Error('refused'), headers) });
  made.error(Object.assign(new Error('refused'), headers));
  expect(lines).toHaveLength(3);
  for (const line of lines) {
    expect(line).not.toContain('secret');
    expect(line.match(/"\[redacted\]"/g)).toHaveLength(3);
    expect(line).toContain('"accept":"all"');
  }
  expect(headers.cookie).toBe('secret');
});
