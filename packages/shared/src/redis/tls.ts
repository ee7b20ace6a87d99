import { readFileSync } from 'node:fs';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { Logger } from '../logger/index.js';

/** Files in PEM that connections to Redis are secured with. */
export interface RedisTlsFiles {
  /** Whom to trust; the machine's authorities when left out. */
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

interface RedisTlsOptions {
  readonly files: RedisTlsFiles;
  readonly logger: Pick<Logger, 'info' | 'error'>;
}

/**
 * What connections to Redis are secured with, read again whenever one is made. While the files do not fit together, as when they are replaced one
 * after the other, what was read before stays: ioredis gives a connection up for good when its certificate cannot be used.
 */
export class RedisTls {
  readonly #files: RedisTlsFiles;
  readonly #logger: RedisTlsOptions['logger'];
  #contents: SecureContextOptions;
  #context: SecureContext;
  #broken = '';

  /** Throws when the files cannot be read or do not fit together. */
  constructor({ files, logger }: RedisTlsOptions) {
    this.#files = files;
    this.#logger = logger;
    this.#contents = contentsOf(files);
    this.#context = createSecureContext(this.#contents);
  }

  /** The client certificate that the next connection shows. */
  get certificate(): string | undefined {
    this.#look();
    return this.#contents.cert as string | undefined;
  }

  /** The option `tls` of ioredis, which copies it for each connection that it makes. */
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

/** Throws when the files cannot be read or do not fit together. */
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
