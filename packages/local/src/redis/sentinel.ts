import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../free-port.js';
import { tcpAnswers } from '../probe.js';
import { startProcess } from '../process.js';
import { requireTool } from '../tools.js';
import { askRedis } from './ask.js';
import {
  changePrimary,
  credentials,
  type NodePlan,
  numbers,
  type PlanOptions,
  type RedisTopology,
  serverPlan,
  settle,
  startTopology,
  type TopologyOptions,
  type TopologyPlan,
} from './topology.js';

interface SentinelShape {
  /** Replicas of the primary. Default 2. */
  readonly replicas?: number;
  /** `down-after-milliseconds`. Default 2,000. */
  readonly downAfterMs?: number;
  /** `failover-timeout`. Default 10,000. */
  readonly failoverTimeoutMs?: number;
}

export type SentinelOptions = TopologyOptions & SentinelShape;

/** The name of the primary in the sentinels. */
const name = 'mymaster';
const quorum = 2;

/** Starts a primary, its replicas and three sentinels, and waits until each sentinel knows all of them. */
export async function startRedisSentinel(options: SentinelOptions = {}): Promise<RedisTopology> {
  const started = await startTopology(options, (dir) => sentinelPlan({ ...options, dir }));
  const { nodes, sentinels } = started;
  const primaryOf = async () => {
    const replies = await Promise.allSettled(
      sentinels.map(({ ask }) => ask(`SENTINEL GET-MASTER-ADDR-BY-NAME ${name}`)),
    );
    const named = (port: number) =>
      replies.filter((reply) => reply.status === 'fulfilled' && reply.value.includes(`\r\n${port}\r\n`));
    const primary = nodes.find(({ port }) => named(port).length >= quorum);
    if (!primary) throw new Error('most sentinels know no common primary');
    return primary;
  };
  return {
    ...started,
    primaryOf,
    failover: (key) =>
      changePrimary({ primaryOf }, key, async () => {
        // Each sentinel that receives it starts a failover of its own.
        await sentinels.find(({ running }) => running)?.ask(`SENTINEL FAILOVER ${name}`);
      }),
  };
}

/** Returns the steps that start a primary with its replicas, then three sentinels. */
async function sentinelPlan(options: PlanOptions & SentinelShape): Promise<TopologyPlan> {
  const { dir, users, replicas = 2, downAfterMs = 2_000, failoverTimeoutMs = 10_000 } = options;
  const primary = await freePort();
  const servers = await Promise.all(
    numbers(1 + replicas).map(async (number) => {
      const server = `redis ${number}`;
      await mkdir(join(dir, server.replace(' ', '-')));
      const isPrimary = number === 1;
      return serverPlan(options, {
        name: server,
        port: isPrimary ? primary : await freePort(),
        own: isPrimary ? [] : ['--replicaof', `127.0.0.1 ${primary}`],
      });
    }),
  );
  const login = users
    ? [`sentinel auth-user ${name} ${users.user}`, `sentinel auth-pass ${name} ${users.password}`]
    : [];
  const lines = [
    `sentinel monitor ${name} 127.0.0.1 ${primary} ${quorum}`,
    `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
    `sentinel failover-timeout ${name} ${failoverTimeoutMs}`,
    ...login,
  ];
  const sentinels = await Promise.all(
    numbers(3).map(async (number) => sentinelNode(options, { number, port: await freePort(), lines })),
  );
  const addresses = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const haveData = async () => {
    const texts = await Promise.all(servers.map(({ port }) => askRedis({ port, users }, 'INFO replication')));
    return texts.filter((text) => text.includes('master_link_status:up')).length === replicas;
  };
  const settled = async () => {
    await settle('the replicas to have the data', haveData);
    await settle('the sentinels to know all servers', async () => {
      const asked = [`SENTINEL MASTER ${name}`, `SENTINEL REPLICAS ${name}`];
      const texts = await Promise.all(sentinels.map(({ port }) => askRedis({ port }, ...asked)));
      const values = (text: string, field: string) =>
        [...text.matchAll(new RegExp(`^${field}\\r\\n\\$\\d+\\r\\n(.*)\\r$`, 'gm'))].map(
          ([, value]) => value,
        );
      return texts.every(
        (text) =>
          values(text, 'num-other-sentinels').join() === '2' &&
          values(text, 'flags').join() === ['master', ...Array(replicas).fill('slave')].join() &&
          values(text, 'master-link-status').every((status) => status === 'ok'),
      );
    });
  };
  return {
    url: `redis+sentinel://${credentials(users)}${addresses}/${name}`,
    settled,
    steps: [
      { nodes: servers, settled: () => settle('the replicas to have the data', haveData) },
      { nodes: sentinels, settled },
    ],
  };
}

interface SentinelPlace {
  readonly number: number;
  readonly port: number;
  /** Its configuration besides port and folder. */
  readonly lines: readonly string[];
}

function sentinelNode({ dir, program }: PlanOptions, { number, port, lines }: SentinelPlace): NodePlan {
  const folder = join(dir, `sentinel-${number}`);
  const file = join(folder, 'sentinel.conf');
  return {
    ...{ name: `sentinel ${number}`, port },
    async start(common) {
      // A sentinel keeps what it knows in its configuration file.
      if (!existsSync(file)) {
        await mkdir(folder);
        await writeFile(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, ...lines, ''].join('\n'));
      }
      return await startProcess({
        name: `sentinel ${number}`,
        command: requireTool(program ?? 'redis-server'),
        args: [file, '--sentinel'],
        ready: () => tcpAnswers(port, 'PING\r\n', '+PONG'),
        ...common,
      });
    },
  };
}
