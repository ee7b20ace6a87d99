import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../free-port.js';
import { askRedis } from './ask.js';
import {
  changePrimary,
  credentials,
  numbers,
  type PlanOptions,
  type RedisNode,
  type RedisTopology,
  serverPlan,
  settle,
  startTopology,
  type TopologyOptions,
  type TopologyPlan,
} from './topology.js';

interface ClusterShape {
  /** Default 3, the least that can replace one of them. */
  readonly primaries?: number;
  /** Replicas of each primary. Default 1. */
  readonly replicas?: number;
  /** `cluster-node-timeout`. Default 2,000. */
  readonly nodeTimeoutMs?: number;
}

export type ClusterOptions = TopologyOptions & ClusterShape;

const slots = 16_384;

/** Starts a Redis Cluster and waits until each node takes part in it and each replica has the data of its primary. */
export async function startRedisCluster(options: ClusterOptions = {}): Promise<RedisTopology> {
  const started = await startTopology(options, (dir) => clusterPlan({ ...options, dir }));
  const views = async () =>
    (await Promise.allSettled(started.nodes.map(viewOf))).flatMap((result) =>
      result.status === 'fulfilled' ? [result.value] : [],
    );
  const primary = async (key: string) => {
    const slot = await slotOf(started.nodes, key);
    // A primary that was replaced claims its slots, with a lower epoch, until it reaches the others.
    const [newest] = (await views())
      .filter(({ ranges }) => ranges.some(([first, last]) => first <= slot && slot <= last))
      .toSorted((a, b) => b.epoch - a.epoch);
    if (!newest) throw new Error(`no node of the cluster is the primary of ${key}`);
    return newest;
  };
  const primaryOf = async (key: string) => (await primary(key)).node;
  return {
    ...started,
    primaryOf,
    failover: (key) =>
      changePrimary({ primaryOf }, key, async () => {
        const { id } = await primary(key);
        const replica = (await views()).find(({ primaryId }) => primaryId === id);
        await replica?.node.ask('CLUSTER FAILOVER');
      }),
  };
}

/** Returns the steps that start a cluster. */
async function clusterPlan(options: PlanOptions & ClusterShape): Promise<TopologyPlan> {
  const { dir, users, primaries = 3, replicas = 1, nodeTimeoutMs = 2_000 } = options;
  const nodes = await Promise.all(
    numbers(primaries * (1 + replicas)).map(async (number) => {
      const [port, busPort] = [await freePort(), await freePort()];
      const name = `redis ${number}`;
      await mkdir(join(dir, name.replace(' ', '-')));
      const own = [
        ...['--cluster-enabled', 'yes', '--cluster-config-file', 'nodes.conf'],
        ...['--cluster-port', String(busPort), '--cluster-node-timeout', String(nodeTimeoutMs)],
      ];
      return { busPort, ...serverPlan(options, { name, port, own }) };
    }),
  );
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const asked = nodes.map(({ port, busPort }) => ({
    ...{ port, busPort },
    ask: (...commands: string[]) => askRedis({ port, users }, ...commands),
  }));
  const settled = () => complete({ primaries, nodes: asked });
  const form = async () => {
    await formCluster({ primaries, nodes: asked });
    await settled();
  };
  return {
    url: `redis+cluster://${credentials(users)}${addresses}`,
    settled,
    steps: [{ nodes, settled: form }],
  };
}

type Asked = Pick<RedisNode, 'port' | 'ask'>;

interface Forming {
  readonly primaries: number;
  readonly nodes: readonly (Asked & { readonly busPort: number })[];
}

/** Joins nodes: the first ones become primaries and share the slots, the others become their replicas in turn. */
async function formCluster({ nodes, primaries }: Forming): Promise<void> {
  const first = nodes[0] as Asked;
  await Promise.all(nodes.map((node, at) => node.ask(`CLUSTER SET-CONFIG-EPOCH ${at + 1}`)));
  await first.ask(...nodes.slice(1).map(({ port, busPort }) => `CLUSTER MEET 127.0.0.1 ${port} ${busPort}`));
  await settle('the nodes of the cluster to meet', async () => {
    const views = await Promise.all(nodes.map(({ ask }) => ask('CLUSTER NODES')));
    return views.every((text) => (text.match(/ connected(?: |\r?$)/gm) ?? []).length === nodes.length);
  });
  await Promise.all(
    nodes.slice(0, primaries).map(({ ask }, at) => {
      const [from, to] = [at, at + 1].map((number) => Math.floor((number * slots) / primaries)) as [
        number,
        number,
      ];
      return ask(`CLUSTER ADDSLOTSRANGE ${from} ${to - 1}`);
    }),
  );
  const ids = await Promise.all(
    nodes.slice(0, primaries).map(async ({ ask }) => /[0-9a-f]{40}/.exec(await ask('CLUSTER MYID'))?.[0]),
  );
  await Promise.all(
    nodes.slice(primaries).map(({ ask }, at) => ask(`CLUSTER REPLICATE ${ids[at % primaries]}`)),
  );
}

/** Waits until each node has a part, and the others agree. */
async function complete({ nodes, primaries }: Forming): Promise<void> {
  await settle('each node of the cluster to take part', async () => {
    const texts = await Promise.all(
      nodes.map(({ ask }) => ask('CLUSTER INFO', 'INFO replication', 'CLUSTER NODES')),
    );
    const count = (text: string, pattern: RegExp) => text.match(pattern)?.length ?? 0;
    return texts.every(
      (text) =>
        text.includes('cluster_state:ok') &&
        (text.includes('role:master') || text.includes('master_link_status:up')) &&
        count(text, / (?:myself,)?slave [0-9a-f]+ /g) === nodes.length - primaries &&
        !/ (?:myself,)?(?:master|slave),fail|handshake/.test(text),
    );
  });
}

interface View {
  readonly node: RedisNode;
  readonly id: string;
  /** The primary that the node follows. */
  readonly primaryId: string | undefined;
  readonly epoch: number;
  readonly ranges: readonly (readonly [first: number, last: number])[];
}

/** Returns what the node says about itself. */
async function viewOf(node: RedisNode): Promise<View> {
  const line = (await node.ask('CLUSTER NODES')).split('\n').find((text) => text.includes('myself')) ?? '';
  const [id = '', , flags = '', followed = '', , , epoch, , ...owned] = line.trim().split(' ');
  return {
    ...{ node, id, epoch: Number(epoch) },
    primaryId: flags.includes('slave') ? followed : undefined,
    ranges: owned.map((range) => {
      const [from, to = from] = range.split('-').map(Number) as [number, number?];
      return [from, to] as const;
    }),
  };
}

async function slotOf(nodes: readonly RedisNode[], key: string): Promise<number> {
  const replies = nodes.map((node) => node.ask(`CLUSTER KEYSLOT ${key}`));
  return Number(/:(\d+)/.exec(await Promise.any(replies))?.[1]);
}
