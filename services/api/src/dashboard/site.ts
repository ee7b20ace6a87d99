import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join, relative, sep } from 'node:path';
import { brotliCompressSync, gzipSync, constants as zlib } from 'node:zlib';

/** A file of the dashboard, ready to send. */
export interface SiteFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzip: Buffer;
  readonly brotli: Buffer;
  /** True if the file name contains a digest of the content: the file never changes. */
  readonly immutable: boolean;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Returns the build output folder of `@slipway/dashboard`. */
export function dashboardFolder(): string {
  const manifest = createRequire(import.meta.url).resolve('@slipway/dashboard/package.json');
  return join(dirname(manifest), 'dist', 'site');
}

/**
 * Returns the dashboard's files by path, `/index.html` among them; undefined when the dashboard was not built. The files are small
 * and few: they are read and compressed once, when the API starts.
 */
export function readSite(folder: string): ReadonlyMap<string, SiteFile> | undefined {
  const names = namesIn(folder);
  if (!names.includes('index.html')) return undefined;
  return new Map(
    names.flatMap((name): [string, SiteFile][] => {
      const type = types[extname(name)];
      if (type === undefined) return [];
      const plain = readFileSync(join(folder, name));
      const path = `/${relative(folder, join(folder, name)).split(sep).join('/')}`;
      const brotli = brotliCompressSync(plain, { params: { [zlib.BROTLI_PARAM_QUALITY]: 9 } });
      const immutable = path.startsWith('/assets/');
      return [[path, { type, plain, gzip: gzipSync(plain, { level: 9 }), brotli, immutable }]];
    }),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      statSync(join(folder, name)).isFile(),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
