import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { runScript } from '../../chaos/network/run-script.js';

const script = fileURLToPath(new URL('../../../dist/kubernetes/discovery/inside.js', import.meta.url));
const setUp =
  'set -eu; ip link set lo up; for a in 10.9.0.1 10.9.0.2; do ip address add $a/32 dev lo; done; exec "$@"';

interface Ended {
  readonly state: string;
  readonly attempts: readonly string[];
}

interface Observations {
  readonly withoutRole: string;
  readonly withoutService: string;
  readonly withoutToken: string;
  readonly atZero: string;
  readonly first: Ended;
  readonly whileNotReady: Ended;
  readonly two: readonly { readonly id: string; readonly name: string }[];
  readonly costs: readonly string[];
  readonly ending: readonly object[];
  readonly reused: readonly { readonly id: string; readonly name: string }[];
  readonly kept: readonly string[];
}

let seen: Observations;
beforeAll(async () => {
  const notes: string[] = [];
  const args = ['--net', 'sh', '-c', setUp, 'sh', process.execPath, script];
  const note = (text: string) => notes.push(text);
  seen = (await runScript({ command: 'unshare', args, note, timeoutMs: 500_000 }).catch((error: Error) => {
    throw new Error(`${error.message}\n${notes.join('\n')}`);
  })) as Observations;
});

describe('a worker that follows the pods of a Service', () => {
  test('names the role that it lacks, a Service that does not exist, and a token that has ended', () => {
    expect(seen.withoutRole).toContain('get, list and watch of endpointslices');
    expect(seen.withoutRole).toContain('cannot list resource "endpointslices"');
    expect(seen.withoutService).toContain('Service builders');
    expect(seen.withoutToken).toContain('Unauthorized');
  });

  test('keeps jobs while the Service has no pod, and builds when one comes', () => {
    expect(seen.atZero).toBe('queued');
    expect(seen.first).toMatchObject({
      state: 'succeeded',
      attempts: [expect.stringMatching(/^http:..10\.9\.0/)],
    });
  });

  test('knows each pod once, by its name and node', () => {
    const node = 'node-1';
    expect([...seen.two].sort((a, b) => (a.name < b.name ? -1 : 1))).toMatchObject([
      { url: 'http://10.9.0.1:8080', name: 'one', node, draining: false },
      { url: 'http://10.9.0.2:8080', name: 'two', node, draining: false },
    ]);
  });

  test('keeps a pod that is not ready', () => {
    expect(seen.whileNotReady).toEqual({ state: 'succeeded', attempts: ['http://10.9.0.2:8080'] });
  });

  test('writes the builds of a pod as its deletion cost', () => {
    expect(seen.costs).toEqual(['0', '1', '0']);
  });

  test('drains a pod that ends, and gives a pod with its address nothing of it', () => {
    expect(seen.ending).toContainEqual(
      expect.objectContaining({ name: 'one', readiness: 'draining', draining: true }),
    );
    const three = seen.reused.find(({ name }) => name === 'three');
    expect(three).toMatchObject({ url: 'http://10.9.0.1:8080', draining: false });
    expect(seen.two.map(({ id }) => id)).not.toContain(three?.id);
  });

  test('keeps the pods while the API server refuses its token, and goes on with a new one', () => {
    expect(seen.kept).toEqual(['three', 'two']);
  });
});
