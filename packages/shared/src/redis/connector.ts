import { createConnection, Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { AbstractConnector } from 'ioredis';
import type { PrimaryFinder } from './primary-finder.js';
import { nameOf, type RedisServer } from './url.js';

/** Options of a connection, of which the connector reads these. */
export interface ConnectorOptions {
  readonly finder: PrimaryFinder;
  readonly disconnectTimeout: number;
  readonly tls?: ConnectionOptions;
}

/** Connects to the server that `finder` finds at that moment. Checks that it is a primary. */
export class PrimaryConnector extends AbstractConnector {
  readonly #options: ConnectorOptions;
  #server: RedisServer | undefined;

  constructor(options: unknown) {
    const own = options as ConnectorOptions;
    super(own.disconnectTimeout);
    this.#options = own;
  }

  /** Returns true if an open or opening connection goes to another server. */
  isApart(primary: RedisServer): boolean {
    const isOpen = this.stream?.destroyed === false;
    return isOpen && this.#server !== undefined && nameOf(this.#server) !== nameOf(primary);
  }

  /** Returns false for a replica. ioredis then connects again. Redis gives no role to a user without `INFO`. */
  override check({ role }: { readonly role?: string }): boolean {
    const isPrimary = role === undefined || role === 'master';
    if (this.#server) this.#options.finder.report(this.#server, isPrimary);
    return isPrimary;
  }

  /** ioredis gives a connection up when this rejects. So a failed search returns a closed stream, and ioredis connects again later. */
  override async connect(): Promise<Socket> {
    this.connecting = true;
    this.#server = undefined;
    const { finder, tls } = this.#options;
    let server: RedisServer;
    try {
      server = await finder.find();
    } catch (error) {
      this.firstError = error as Error;
      return new Socket().destroy();
    }
    if (!this.connecting) throw new Error('Connection is closed.');
    this.#server = server;
    const address = { host: server.host, port: server.port };
    // ioredis calls `tls` once for each connection, so its files are read again.
    const stream = tls ? connectTls({ ...address, ...tls }) : createConnection(address);
    stream.once('error', (error) => {
      this.firstError = error;
    });
    this.stream = stream;
    return stream;
  }
}
