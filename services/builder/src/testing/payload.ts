import { Secret } from '@slipway/shared/config';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { Header, type HeaderData } from 'tar';

export interface Entry extends HeaderData {
  readonly path: string;
  readonly content?: string | Buffer;
}

/** A tar with exactly these entries, however odd. */
export function tarOf(entries: readonly Entry[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { content = '', ...data } of entries) {
    const body = Buffer.from(content);
    const header = Buffer.alloc(512);
    new Header({ mode: 0o644, size: body.length, type: 'File', ...data }).encode(header);
    blocks.push(header, body, Buffer.alloc((512 - (body.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

interface PayloadOptions {
  readonly image?: string;
  readonly config?: Record<string, unknown>;
  /** Files of the context. `entries` adds more to the tar, unchanged. */
  readonly files: Readonly<Record<string, string | Buffer>>;
  readonly entries?: readonly Entry[];
}

/** The body of a `POST /build`. Files are executable. */
export function payloadOf({ image = 'x:1', config = {}, files, entries = [] }: PayloadOptions): Buffer {
  return tarOf([
    { path: 'com.openfaas.docker.config', content: JSON.stringify({ image, ...config }) },
    ...Object.entries(files).map(([path, content]) => ({ path: `context/${path}`, content, mode: 0o755 })),
    ...entries,
  ]);
}

export const testSecret = new Secret('a secret for tests');

export function signatureOf(body: Buffer, secret: Secret = testSecret): string {
  return formatSignature(payloadHmac(secret).update(body));
}
