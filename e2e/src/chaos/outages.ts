import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fleet } from '@slipway/simulator';

/** `restart`: killed with -9 and started again; `freeze`: stopped and resumed; `cut`: all connections, again and again. */
export interface Outage {
  readonly how: 'restart' | 'freeze' | 'cut';
  readonly ms: number;
}

const cutEveryMs = 150;

/** Resolves when Redis is back. */
export async function breakRedis({ redis }: Fleet, { how, ms }: Outage): Promise<void> {
  switch (how) {
    case 'restart':
      redis.kill('SIGKILL');
      await redis.ended();
      await sleep(ms);
      return await redis.start();
    case 'freeze':
      redis.kill('SIGSTOP');
      await sleep(ms);
      return redis.kill('SIGCONT');
    case 'cut':
      for (const until = performance.now() + ms; performance.now() < until; ) {
        await command(redis.url, 'CLIENT KILL TYPE normal SKIPME yes');
        await command(redis.url, 'CLIENT KILL TYPE pubsub');
        await sleep(cutEveryMs);
      }
      return;
    default:
      return how satisfies never;
  }
}

/** Sends one inline command over a new connection and waits for the answer. */
function command(url: string, line: string): Promise<void> {
  const { port, username, password } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1' }, () =>
      socket.write(`AUTH ${username} ${password}\r\n${line}\r\n`),
    );
    let answers = '';
    socket.setEncoding('utf8').on('data', (text: string) => {
      answers += text;
      if (answers.split('\r\n').length <= 2) return;
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
