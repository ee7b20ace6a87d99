import { connect } from 'node:net';
import {
  type CertificateAuthority,
  findTool,
  type ProcessHandle,
  shippedRedisArguments,
  startProcess,
} from '@slipway/local';

interface TlsRedisOptions {
  /** The folder of the Redis. */
  readonly folder: string;
  readonly port: number;
  /** The authority of the server certificate. Client certificates must come from it too. */
  readonly authority: CertificateAuthority;
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts a Redis as docker-compose.yml does, except for its users, with TLS only and client certificates. */
export async function startTlsRedis(options: TlsRedisOptions): Promise<ProcessHandle> {
  const { folder, port, authority } = options;
  const server = await authority.issue('redis');
  const settings = {
    ...{ port: '0', 'tls-port': String(port), bind: '127.0.0.1', dir: folder },
    ...{ 'tls-cert-file': server.certFile, 'tls-key-file': server.keyFile },
    ...{ 'tls-ca-cert-file': authority.caFile, 'tls-auth-clients': 'yes' },
    ...options.settings,
  };
  return await startProcess({
    name: 'redis',
    command: findTool('redis-server') ?? 'redis-server',
    args: [
      ...(await shippedRedisArguments()),
      ...Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
    ],
    ready: () => accepts(port),
  });
}

const accepts = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
