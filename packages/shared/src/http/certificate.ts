import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../config/fields.js';
import type { Logger } from '../logger/index.js';
import type { TlsFiles } from './settings.js';

interface Reloading {
  readonly logger: Logger;
  readonly everyMs: number;
  readonly use: (pair: Certificate['pair']) => void;
}

/** A certificate and its key, in files that are replaced on renewal. */
export class Certificate {
  readonly #files: TlsFiles;
  #pair: { readonly cert: string; readonly key: string };

  private constructor(files: TlsFiles, pair: { readonly cert: string; readonly key: string }) {
    this.#files = files;
    this.#pair = pair;
  }

  /** Rejects with a `ConfigError` for unreadable files, or a key of another certificate. */
  static async read(files: TlsFiles): Promise<Certificate> {
    try {
      return new Certificate(files, await readPair(files));
    } catch (error) {
      throw new ConfigError(`TLS_CERT_FILE and TLS_KEY_FILE cannot be used: ${(error as Error).message}`);
    }
  }

  get pair(): { readonly cert: string; readonly key: string } {
    return { ...this.#pair };
  }

  /**
   * Polls the files for a new pair, and passes it to `use` once the two match, because they may be replaced one after the other.
   * Polls rather than watches: mounted files are replaced by moving links.
   */
  reload({ logger, everyMs, use }: Reloading): () => void {
    let broken = '';
    let looking = false;
    const look = async () => {
      if (looking) return;
      looking = true;
      try {
        const pair = await readPair(this.#files);
        broken = '';
        if (pair.cert === this.#pair.cert && pair.key === this.#pair.key) return;
        this.#pair = pair;
        use(this.pair);
        logger.info({ cert_file: this.#files.certFile }, 'the certificate was replaced');
      } catch (error) {
        const { message } = error as Error;
        if (message !== broken)
          logger.error({ err: error }, 'the certificate cannot be replaced; the old one stays');
        broken = message;
      } finally {
        looking = false;
      }
    };
    const timer = setInterval(look, everyMs).unref();
    return () => clearInterval(timer);
  }
}

async function readPair({ certFile, keyFile }: TlsFiles) {
  const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
  // Throws when the key belongs to another certificate.
  createSecureContext({ cert, key });
  return { cert, key };
}
