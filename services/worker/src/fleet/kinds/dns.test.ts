import { createLogger } from '@slipway/shared/logger';
import { describe, expect, it } from 'vitest';
import { createDnsKind, dnsKind } from './dns.js';
import type { DiscoveryKind } from './kind.js';

const logger = createLogger({ name: 'test', level: 'silent' });

/** Follows a name until its replicas were found `times` times. */
async function follow(kind: DiscoveryKind, target: string, times: number) {
  const stop = new AbortController();
  const seen: string[][] = [];
  await kind.watch({
    ...{ target, kubernetes: undefined, logger, signal: stop.signal, fault: () => undefined },
    found(replicas) {
      seen.push(replicas.map(({ url }) => url));
      if (seen.length === times) stop.abort();
    },
  });
  return seen;
}

describe('dns+http://', () => {
  it('stands for each address of a name, and keeps them while the name cannot be resolved', async () => {
    const four = { address: '10.0.0.1', family: 4 };
    const answers = [[four], new Error('SERVFAIL'), [four, { address: 'fd00::1', family: 6 }]];
    const kind = createDnsKind({
      everyMs: 1,
      async resolve(name) {
        expect(name).toBe('builders');
        const answer = answers.shift();
        if (!answer || answer instanceof Error) throw answer ?? new Error('asked once too often');
        return answer;
      },
    });
    expect(await follow(kind, 'http://builders:8081', 2)).toEqual([
      ['http://10.0.0.1:8081'],
      ['http://10.0.0.1:8081', 'http://[fd00::1]:8081'],
    ]);
  });

  it('resolves a real name', async () => {
    const [urls] = await follow(dnsKind, 'http://localhost', 1);
    expect(urls).toContain('http://127.0.0.1');
  });
});
