import type { AddressInfo } from 'node:net';
import { Cleanups } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { connectRedis, redisKeys } from '@slipway/shared/redis';
import express from 'express';
import { answer } from './forked.js';

export type BareExpressRequests = {
  /** Listens, and answers with the port. `GET /jobs/{id}` does one read of Redis and answers with JSON. */
  listen: { question: { redisUrl: string; redisPrefix: string }; answer: { port: number } };
};

answer<BareExpressRequests>({
  async listen({ redisUrl, redisPrefix }) {
    const logger = createLogger({ name: 'bare express', level: 'warn' });
    const redis = connectRedis({
      url: redisUrl,
      name: 'bare',
      logger,
      cleanups: new Cleanups(),
      mode: 'request',
    });
    const keys = redisKeys(redisPrefix);
    const app = express();
    app.get('/jobs/:id', async (req, res) => {
      res.json(await redis.hgetall(keys.job(req.params.id)));
    });
    const server = app.listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    return { port: (server.address() as AddressInfo).port };
  },
});
