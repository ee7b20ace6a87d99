import type { IncomingMessage } from 'node:http';
import type { Secret } from '@slipway/shared/config';
import { type BuilderConfig, builderConfigSchema, configEntry } from '@slipway/shared/contracts';
import { payloadHmac, signatureHeader, signatureMatches } from '@slipway/shared/signing';
import { type TarEntry, TarReader, type TarSink } from '@slipway/source';

const maxConfigBytes = 1024 * 1024;

/** A payload after it was read: valid, or invalid with the reason. */
export type Received =
  | { readonly kind: 'build'; readonly config: BuilderConfig }
  | { readonly kind: 'bad_signature' }
  | { readonly kind: 'bad_payload'; readonly detail: string };

/**
 * Streams a payload through its HMAC and picks the configuration out of the tar on the way; nothing else of it is kept.
 * Rejects when the client breaks off.
 */
export async function receivePayload(request: IncomingMessage, secret: Secret): Promise<Received> {
  const hmac = payloadHmac(secret);
  const entry = new ConfigEntry();
  const reader = new TarReader({ sink: entry });
  let fault: string | undefined;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hmac.update(chunk);
    // A tar that cannot be read must not hide that its signature is wrong, so the rest is still hashed.
    fault ??= attempt(() => {
      for (let at = 0; at < chunk.length; ) at = reader.write(chunk, at);
    });
  }
  const header = request.headers[signatureHeader];
  if (typeof header !== 'string' || !signatureMatches(header, hmac)) return { kind: 'bad_signature' };
  fault ??= attempt(() => reader.end());
  if (fault !== undefined) return { kind: 'bad_payload', detail: fault };
  try {
    return { kind: 'build', config: builderConfigSchema.parse(JSON.parse(entry.text())) };
  } catch (error) {
    return { kind: 'bad_payload', detail: `${configEntry}: ${(error as Error).message}` };
  }
}

/** Keeps the content of the configuration, wherever it stands in the archive. */
class ConfigEntry implements TarSink {
  readonly #pieces: Buffer[] = [];
  #inside = false;

  entry({ path, size }: TarEntry): void {
    this.#inside = path.replace(/^\.\//, '') === configEntry;
    if (this.#inside && size > maxConfigBytes) throw new Error(`${configEntry} is too large`);
  }

  content(piece: Buffer): void {
    // Pieces are only lent.
    if (this.#inside) this.#pieces.push(Buffer.from(piece));
  }

  entryEnd(): void {
    this.#inside = false;
  }

  text(): string {
    return Buffer.concat(this.#pieces).toString('utf8');
  }
}

/** Returns the message of the error that `run` throws, or undefined. */
function attempt(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
