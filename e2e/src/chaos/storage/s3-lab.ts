import { join } from 'node:path';
import {
  credentialsEnv,
  type FaultyProxy,
  freePort,
  type S3Handle,
  startToxiproxy,
  startVersitygw,
  temporaryFolder,
} from '@slipway/local';
import { s3Env } from '../../blobs/test-blobs.js';
import { type RefusingProxy, startRefusingProxy } from './refusing-proxy.js';

/** An S3 server that can be broken: services → a proxy that refuses → a proxy with network faults → the server. */
export interface S3Lab {
  /** The settings of services, which reach the server through both proxies. */
  readonly env: Readonly<Record<string, string>>;
  /** The `BLOB_STORE` that reaches the server itself. */
  readonly blobStore: string;
  readonly network: FaultyProxy;
  readonly refusing: RefusingProxy;
  kill(): Promise<void>;
  /** Starts a server that was killed, on the same port. */
  start(how?: Restart): Promise<void>;
  stop(): Promise<void>;
}

/**
 * `same`: in the same place. `replaced`: with another secret than the services have. `empty`: without the bucket. A bucket cannot
 * be taken from a running server, because a write in progress makes its folder again.
 */
type Restart = 'same' | 'replaced' | 'empty';

const credentials = { accessKeyId: 'slipway-chaos', secretAccessKey: 'slipway-chaos-secret' };
/** The secret was replaced, and the services have the old one. */
const replaced = { ...credentials, secretAccessKey: 'slipway-chaos-new-secret' };

export async function startS3Lab(): Promise<S3Lab> {
  const folder = await temporaryFolder();
  // A store in this process has the same user as the services.
  Object.assign(process.env, credentialsEnv(credentials));
  const place = { dir: folder.path, port: await freePort() };
  const cleanups: (() => unknown)[] = [() => folder.remove()];
  const stop = async () => {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  };
  try {
    let server: S3Handle | undefined = await startVersitygw({ ...place, credentials });
    cleanups.push(() => server?.stop());
    const { bucket, endpoint } = server;
    const toxiproxy = await startToxiproxy();
    cleanups.push(() => toxiproxy.stop());
    const network = await toxiproxy.proxy('s3', place.port);
    const refusing = await startRefusingProxy(network.port);
    cleanups.push(() => refusing.close());
    const direct = { bucket, endpoint, credentials };
    return {
      env: s3Env({ ...direct, endpoint: `http://127.0.0.1:${refusing.port}` }),
      blobStore: s3Env(direct).BLOB_STORE,
      ...{ network, refusing, stop },
      async kill() {
        server?.kill('SIGKILL');
        await server?.exited;
        server = undefined;
      },
      async start(how = 'same') {
        server ??= await startVersitygw({
          ...place,
          credentials: how === 'replaced' ? replaced : credentials,
          ...(how === 'empty' && { dir: join(folder.path, 'empty'), bucket: 'other' }),
        });
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
