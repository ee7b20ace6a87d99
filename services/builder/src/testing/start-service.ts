import { PassThrough } from 'node:stream';
import { temporaryFolder } from '@slipway/local';
import { Cleanups, runComponents } from '@slipway/shared/lifecycle';
import { createLogger } from '@slipway/shared/logger';
import { assembleBuilder, createBuilder } from '../builder.js';
import { WorkDir } from '../builds/work-dir.js';
import { loadConfig } from '../config.js';
import type { BuildEngine } from '../engines/engine.js';
import { testSecret } from './payload.js';

interface StartOptions {
  /** Environment of the service, added to the defaults of all tests. */
  readonly env?: Readonly<Record<string, string>>;
  /** Left out: whatever `env` asks for. */
  readonly engine?: BuildEngine;
  readonly heartbeatMs?: number;
  /** Default: 0, because the connections of `fetch` stay open. */
  readonly lingerMs?: number;
}

export interface StartedService {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  /** Where the received and unpacked sources live. */
  readonly workDir: string;
  /** Returns the service's log. */
  log(): string;
  /** As SIGTERM does; resolves when the service has ended. */
  stop(): Promise<void>;
}

/** The service in this process, listening on 127.0.0.1. */
export async function startService({
  env = {},
  engine,
  heartbeatMs = 15_000,
  lingerMs = 0,
}: StartOptions): Promise<StartedService> {
  const folder = await temporaryFolder();
  const config = loadConfig({
    PORT: '0',
    BIND_HOST: '127.0.0.1',
    PAYLOAD_SECRET: testSecret.reveal(),
    WORK_DIR: folder.path,
    ...env,
  });
  const destination = new PassThrough({ highWaterMark: 64 * 1024 * 1024 });
  const logger = createLogger({ name: 'builder', level: 'debug', destination });
  const cleanups = new Cleanups();
  const stop = new AbortController();
  let logged = '';
  destination.on('data', (chunk) => {
    logged += chunk;
  });
  let ended: Promise<void> = Promise.resolve();
  const port = await new Promise<number>((resolve, reject) => {
    const deps = { config, logger, cleanups, onListening: resolve, lingerMs };
    const components = engine
      ? WorkDir.open(config.workDir).then((workDir) =>
          assembleBuilder({ ...deps, engine, workDir, heartbeatMs }),
        )
      : createBuilder(deps);
    ended = components.then((made) => runComponents(made, stop.signal));
    ended.catch(reject);
  });
  const finish = async () => {
    await ended;
    await cleanups.run(logger);
    await folder.remove();
  };
  let stopping: Promise<void> | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    workDir: folder.path,
    log: () => logged,
    stop: () => {
      stop.abort();
      stopping ??= finish();
      return stopping;
    },
  };
}
