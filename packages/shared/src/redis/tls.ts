import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Logger } from '../logger/index.js';

/** PEM files for TLS connections to Redis. */
export interface RedisTlsFiles {
  /** The trusted authorities; unset means those of the machine. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

interface RedisTlsOptions {
  readonly files: RedisTlsFiles;
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

/**
 * The TLS options of Redis connections, read again for each new connection. While the files do not match, as during their
 * replacement, the previous content stays, because ioredis gives a connection up permanently when its certificate is invalid.
 */
export class RedisTls {
  readonly #files: RedisTlsFiles;
  readonly #logger: RedisTlsOptions['logger'];
  #contents: SecureContextOptions;
  #context: SecureContext;
  #broken = '';

  /** Throws for unreadable files, or files that do not match. */
  constructor({ files, logger }: RedisTlsOptions) {
    this.#files = files;
    this.#logger = logger;
    this.#contents = contentsOf(files);
    this.#context = createSecureContext(this.#contents);
  }

  /** Returns the client certificate of the next connection. */
  get certificate(): string | undefined {
    this.#look();
    return this.#contents.cert as string | undefined;
  }

  /** Returns the option `tls` of ioredis, which copies it for each new connection. */
  get options(): { readonly secureContext: SecureContext } {
    const latest = () => {
      this.#look();
      return this.#context;
    };
    return {
      get secureContext() {
        return latest();
      },
    };
  }

  #look(): void {
    try {
      const contents = contentsOf(this.#files);
      const isSame = (['ca', 'cert', 'key'] as const).every(
        (part) => contents[part] === this.#contents[part],
      );
      if (!isSame) {
        this.#context = createSecureContext(contents);
        this.#contents = contents;
        this.#logger.info({ cert_file: this.#files.certFile }, 'the certificates for Redis were replaced');
      }
      this.#broken = '';
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#broken)
        this.#logger.error(
          { err: error },
          'the certificates for Redis cannot be replaced; the old ones stay',
        );
      this.#broken = message;
    }
  }
}

/** Throws for unreadable files, or files that do not match. */
export function checkRedisTls(files: RedisTlsFiles): void {
  createSecureContext(contentsOf(files));
}

function contentsOf({ caFile, certFile, keyFile }: RedisTlsFiles): SecureContextOptions {
  const read = (file: string) => readFileSync(file, 'utf8');
  return {
    ...(caFile !== undefined && { ca: read(caFile) }),
    ...(certFile !== undefined && { cert: read(certFile) }),
    ...(keyFile !== undefined && { key: read(keyFile) }),
  };
}
