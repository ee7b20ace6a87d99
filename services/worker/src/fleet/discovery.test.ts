import type { AnnouncedReplica } from '@slipway/control-plane/replicas';
import { SlipwayError } from '@slipway/shared/errors';
import { createLogger } from '@slipway/shared/logger';
import { afterEach, describe, expect, it } from 'vitest';
import { parseBuilders } from './builders.js';
import { Discovery } from './discovery.js';
import { discoveryKinds } from './kinds/index.js';
import type { DiscoveryKind, FoundReplica } from './kinds/kind.js';

const logger = createLogger({ name: 'test', level: 'silent' });
const stop: AbortController[] = [];
afterEach(() => {
  for (const each of stop.splice(0)) each.abort();
});

type WatchOptions = Parameters<DiscoveryKind['watch']>[0];

/** Discovery of entries whose k8s:// entries find what the test says. */
function discovery(builders: string, { goneAfterMs = 0 }: { goneAfterMs?: number } = {}) {
  const announced: (readonly AnnouncedReplica[])[] = [];
  const retired: string[] = [];
  const gone: string[] = [];
  const watched: WatchOptions[] = [];
  const k8s: DiscoveryKind = {
    ...discoveryKinds.k8s,
    goneAfterMs,
    async watch(options) {
      watched.push(options);
    },
  };
  const made = new Discovery({
    builders: parseBuilders(builders),
    registry: {
      async announce(replicas) {
        announced.push(replicas);
        return [];
      },
      async retire(urls) {
        retired.push(...urls);
      },
    },
    logger,
    kinds: { ...discoveryKinds, k8s },
    onGone: (url) => gone.push(url),
    // Only changes are announced.
    everyMs: 3_600_000,
  });
  const signal = new AbortController();
  stop.push(signal);
  const running = made.run(signal.signal);
  const find = (...replicas: FoundReplica[]) => watched[0]?.found(replicas);
  const fault = (error: SlipwayError | undefined) => watched[0]?.fault(error);
  return { made, announced, retired, gone, find, fault, running, signal };
}

const pod = (uid: string, more: object = {}) => ({
  url: `http://10.0.0.1:8080#${uid}`,
  kind: 'k8s' as const,
  ...more,
});

describe('discovery', () => {
  it('knows listed replicas at once, and gives each replica the settings of its entry', async () => {
    const { made, find } = discovery('http://a:8081#max=3,k8s://builders#max=2&pool=arm');
    expect(made.replicas()).toEqual([
      { url: 'http://a:8081', kind: 'url', max: 3, pool: 'default', platforms: [] },
    ]);
    expect([made.mayGrow('default'), made.mayGrow('arm'), made.mayGrow('amd')]).toEqual([false, true, false]);
    find(pod('1'));
    expect(made.replicas()[1]).toMatchObject({ url: 'http://10.0.0.1:8080#1', max: 2, pool: 'arm' });
    expect(made.mayGrow('arm')).toBe(false);
  });

  it('announces changes at once, and retires a pod that is gone', async () => {
    const { announced, retired, gone, find } = discovery('k8s://builders');
    const urls = () => announced.at(-1)?.map(({ url, isLeaving }) => `${url} ${isLeaving ?? false}`);
    find(pod('1'));
    await expect.poll(urls).toEqual(['http://10.0.0.1:8080#1 false']);
    find(pod('1', { isLeaving: true }), pod('2'));
    await expect.poll(urls).toEqual(['http://10.0.0.1:8080#1 true', 'http://10.0.0.1:8080#2 false']);
    expect(retired).toEqual([]);
    find(pod('2'));
    await expect.poll(urls).toEqual(['http://10.0.0.1:8080#2 false']);
    await expect
      .poll(() => [retired, gone])
      .toEqual([['http://10.0.0.1:8080#1'], ['http://10.0.0.1:8080#1']]);
  });

  it('retires nothing that is named again in time, or that another entry names', async () => {
    const { announced, retired, gone, find } = discovery('http://a,k8s://builders', { goneAfterMs: 60_000 });
    find(pod('1'));
    find();
    await expect.poll(() => announced.length).toBeGreaterThan(1);
    expect([retired, gone]).toEqual([[], []]);
    const other = discovery('http://a,k8s://builders');
    other.find({ url: 'http://a', kind: 'dns' }, pod('1'));
    await expect.poll(() => other.announced.at(-1)?.length).toBe(2);
    other.find();
    await expect.poll(() => other.gone).toEqual(['http://10.0.0.1:8080#1']);
    expect(other.retired).toEqual(['http://10.0.0.1:8080#1']);
  });

  it('keeps its replicas during a fault, and warns of it with its code', async () => {
    const { made, find, fault } = discovery('k8s://builders');
    find(pod('1'));
    fault(new SlipwayError('kubernetes_forbidden', 'The pod needs a role.'));
    expect(made.replicas()).toHaveLength(1);
    expect(made.warnings()).toEqual([
      'kubernetes_forbidden: k8s://builders?port=8080: The pod needs a role. Bind the role that `detail` names to the service account of the pod.',
    ]);
    fault(undefined);
    expect(made.warnings()).toEqual([]);
  });

  it('ends when it is stopped', async () => {
    const { running, signal, announced } = discovery('http://a:8081');
    await expect.poll(() => announced.length).toBeGreaterThan(0);
    signal.abort();
    await running;
  });
});
