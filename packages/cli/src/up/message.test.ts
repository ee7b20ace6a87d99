import type { Slipway } from '@slipway/local';
import type { EngineName } from '@slipway/shared/contracts';
import { expect, test } from 'vitest';
import { upMessage } from './message.js';

function message(engine: EngineName): string {
  const slipway = {
    ...{
      url: 'http://127.0.0.1:8080',
      token: 't',
      tokenFile: '/x/token',
      registry: '127.0.0.1:5000',
      engine,
    },
    parts: [{ name: 'builder 1', address: 'http://127.0.0.1:8081', pid: 7, logFile: '/x/log' }],
    failed: new Promise<never>(() => undefined),
    stop: async () => undefined,
  } satisfies Slipway;
  const screen = { isTty: false, columns: 80, write: () => undefined, line: () => undefined };
  return upMessage({
    ...{ slipway, folder: '/x', slots: 2 },
    screen: { ...screen, style: (_name: string, text: string) => text } as never,
  }).join('\n');
}

test('warns with an engine that does not isolate builds, and only then', () => {
  expect(message('buildah')).toMatch(/buildah builds as root without isolation/);
  expect(message('buildkit')).not.toContain('isolation');
});
