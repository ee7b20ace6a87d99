import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BuilderFeature, featuresHeader } from '@slipway/shared/contracts';
import type { Component } from '@slipway/shared/lifecycle';
import type { Logger } from '@slipway/shared/logger';
import { KeptBuilds } from './builds/kept-builds.js';
import type { SimulatorConfig } from './config.js';
import { Faults } from './faults/faults.js';
import { routes } from './http/routes.js';
import { Stats } from './stats/stats.js';

interface SimulatorDeps {
  readonly config: SimulatorConfig;
  readonly logger: Logger;
  /** Ends the process. */
  readonly exit: () => void;
  readonly onListening?: (port: number) => void;
  /** Milliseconds for which a stopped simulator without builds still answers connected clients, as Slipway's builder. Default 0. */
  readonly lingerMs?: number;
}

/** Share of the grace time that running builds may use before the simulator breaks their connections. */
const drainShare = 0.8;
const drainPollMs = 20;

/**
 * A replica of the Function Builder API that builds nothing. When it is stopped it refuses new builds with a 503, lets
 * the running ones end, and breaks off those that do not.
 */
export function createSimulator(deps: SimulatorDeps): Component {
  const { config, logger, exit, onListening, lingerMs = 0 } = deps;
  return {
    name: 'simulator',
    async run(signal) {
      const stats = new Stats({ limit: config.maxInflight });
      const faults = new Faults({ seed: config.seed, rules: config.faults });
      const server = createServer({ keepAliveTimeout: 60_000 });
      const listener = createListener(server, config);
      const features = featuresOf(config);
      const kept = features.includes('attachable-builds')
        ? new KeptBuilds({ ...config, draining: signal })
        : undefined;
      const handle = routes({
        ...config,
        stats,
        faults,
        kept,
        exit,
        refuse: (ms) => listener.pause(ms),
        draining: signal,
        reportsDrain: config.buildOptions,
      });
      server.on('request', (request, response) => {
        if (features.length > 0) response.setHeader(featuresHeader, features.join(', '));
        // A client that breaks off is part of the plan; the count shows it.
        handle(request, response).catch((error: unknown) => {
          logger.debug({ err: error }, 'a request broke off');
          response.destroy();
        });
      });
      const port = await listener.start();
      onListening?.(port);
      logger.info(
        { port, limit: config.maxInflight, ...config.durations, faults: config.faults },
        'listening',
      );
      if (!signal.aborted) await once(signal, 'abort');
      // It goes on listening, so that builds are refused with a 503 and no connection breaks under them.
      const until = performance.now() + config.shutdownGraceMs * drainShare;
      const isBusy = () => stats.concurrency > 0 || (kept?.unread ?? 0) > 0;
      while (isBusy() && performance.now() < until) await sleep(drainPollMs);
      if (stats.concurrency > 0) server.closeAllConnections();
      server.prependListener('request', (_request, response) => response.setHeader('connection', 'close'));
      const lingerUntil = performance.now() + lingerMs;
      while ((await connectionsOf(server)) > 0 && performance.now() < lingerUntil) await sleep(drainPollMs);
      await listener.stop();
    },
  };
}

/** Builders of others announce none. */
function featuresOf({ buildOptions, detachedMs }: SimulatorConfig): BuilderFeature[] {
  if (!buildOptions) return [];
  return detachedMs > 0 ? ['build-options', 'attachable-builds'] : ['build-options'];
}

const connectionsOf = (server: Server) =>
  new Promise<number>((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });

/** The listening socket, which can be closed for a while without the connections that are open. */
function createListener(server: Server, { port, bindHost }: SimulatorConfig) {
  let bound = port;
  let stopped = false;
  let pausing: NodeJS.Timeout | undefined;
  const listen = async () => {
    server.listen({ port: bound, ...(bindHost !== undefined && { host: bindHost }) });
    await once(server, 'listening');
    bound = (server.address() as AddressInfo).port;
  };
  return {
    async start(): Promise<number> {
      await listen();
      return bound;
    },
    pause(ms: number): void {
      if (stopped || pausing) return;
      server.close();
      server.closeIdleConnections();
      pausing = setTimeout(() => {
        pausing = undefined;
        // Without its port the process is of no use: the failure is left to end it.
        void listen();
      }, ms);
    },
    async stop(): Promise<void> {
      stopped = true;
      clearTimeout(pausing);
      await new Promise<void>((resolve) => {
        // An error says that it does not listen just now, which is the same.
        server.close(() => resolve());
        server.closeIdleConnections();
      });
    },
  };
}
