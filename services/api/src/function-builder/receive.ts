import type { IncomingMessage } from 'node:http';
import type { BlobStore, Scratch } from '@slipway/shared/blobs';
import { SlipwayError } from '@slipway/shared/errors';
import type { SourceRoom, SourceStore } from '@slipway/shared/source';
import { type OwnershipDeps, takeOwn } from '../sources/ownership.js';
import type { Account } from '../tenants/account.js';
import type { PayloadSigner } from '../tenants/directory.js';
import { Signatures } from './payload-secrets.js';

export interface ReceiveDeps {
  readonly blobs: BlobStore;
  readonly sources: Pick<SourceStore, 'ingestPayload'>;
  readonly owners: OwnershipDeps['owners'];
  /** All who may sign payloads, with the secrets they sign with. */
  readonly signers: () => Promise<readonly PayloadSigner[]>;
  readonly maxPayloadBytes: number;
}

interface ReceiveOptions extends ReceiveDeps {
  readonly request: IncomingMessage;
  /** The value of X-Build-Signature. */
  readonly signature: string;
  readonly signal: AbortSignal;
}

/** A payload that was signed by a tenant and taken in. */
export interface ReceivedPayload {
  readonly tenant: Account;
  readonly digest: string;
  readonly config: Buffer;
  readonly secrets: Buffer | undefined;
}

const pieceBytes = 256 * 1024;

/**
 * Receives the body of a `POST /build`, in constant memory. Nothing of it is looked at, or kept, before its signature has been
 * found right. Rejects with `signature_invalid`, `body_too_large`, `body_incomplete`, or what the source store refuses.
 */
export async function receivePayload(options: ReceiveOptions): Promise<ReceivedPayload> {
  const { blobs, sources, signers, signature, signal } = options;
  const scratch = await blobs.scratch();
  try {
    const signatures = new Signatures(await signers());
    await spool(options, scratch, signatures);
    const tenant = signatures.signer(signature);
    if (!tenant) throw new SlipwayError('signature_invalid');
    const ingest = (room: SourceRoom) => sources.ingestPayload(readBack(scratch), { signal, room });
    const { digest, config, secrets } = await takeOwn(tenant, options, ingest, signal);
    return { tenant, digest, config, secrets };
  } finally {
    await scratch.discard();
  }
}

async function spool(
  { request, maxPayloadBytes, signal }: ReceiveOptions,
  scratch: Scratch,
  signatures: Signatures,
): Promise<void> {
  const tooLarge = () =>
    new SlipwayError('body_too_large', `The body is larger than ${maxPayloadBytes} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > maxPayloadBytes) throw tooLarge();
  try {
    // A request that is refused early stays open, so that its answer can still be read.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      signal.throwIfAborted();
      if (scratch.bytes + chunk.length > maxPayloadBytes) throw tooLarge();
      signatures.update(chunk);
      await scratch.write(chunk);
    }
  } catch (error) {
    if (error instanceof SlipwayError || request.complete) throw error;
    throw new SlipwayError('body_incomplete', undefined, { cause: error });
  }
}

async function* readBack(scratch: Scratch): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (let at = 0; at < scratch.bytes; ) {
    const read = await scratch.read(piece, at);
    if (read === 0) throw new Error('a payload ended before it was read whole');
    at += read;
    yield piece.subarray(0, read);
  }
}
