import type { IncomingMessage } from 'node:http';
import type { BlobStore, Scratch } from '@slipway/shared/blobs';
import { SlipwayError } from '@slipway/shared/errors';
import { type UnverifiedPayloads, unverifiedBody } from '@slipway/shared/function-builder';
import { isSignature } from '@slipway/shared/signing';
import type { SourceRoom, SourceStore } from '@slipway/source';
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
  readonly unverified: UnverifiedPayloads;
  /** Bytes of verified payloads that are not stored yet, by tenant. */
  readonly verified: Map<string, number>;
}

interface ReceiveOptions extends ReceiveDeps {
  readonly request: IncomingMessage;
  /** The value of X-Build-Signature. */
  readonly signature: string;
  /** Where the request comes from; see `clientNetwork`. */
  readonly network: string;
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
/** So many of the largest payloads of one tenant may wait on the disk. */
const waitingPayloads = 2;

/**
 * Receives the body of a `POST /build`, in constant memory and in the room for payloads that are not verified. Nothing of it is looked at, or kept, before its
 * signature has been found right. Rejects with `signature_invalid`, `too_many_failures` when the network has sent many of those, `body_too_large`,
 * `body_incomplete`, `body_too_slow`, or what the source store refuses.
 */
export async function receivePayload(options: ReceiveOptions): Promise<ReceivedPayload> {
  const { blobs, signature } = options;
  if (!isSignature(signature)) throw new SlipwayError('signature_invalid');
  const scratch = await blobs.scratch();
  try {
    const tenant = await spoolVerified(options, scratch);
    return await store(tenant, options, scratch);
  } finally {
    await scratch.discard();
  }
}

/** Stores what was verified. Beyond its `source_bytes` a tenant's payloads wait for each other, and no more of them than a few. */
async function store(tenant: Account, options: ReceiveOptions, scratch: Scratch): Promise<ReceivedPayload> {
  const { sources, verified, maxPayloadBytes, signal } = options;
  const held = () => verified.get(tenant.name) ?? 0;
  verified.set(tenant.name, held() + scratch.bytes);
  try {
    const mayWait = () => held() <= waitingPayloads * maxPayloadBytes;
    const ingest = (room: SourceRoom) => sources.ingestPayload(readBack(scratch), { signal, room });
    const { digest, config, secrets } = await takeOwn(tenant, options, ingest, { signal, mayWait });
    return { tenant, digest, config, secrets };
  } finally {
    verified.set(tenant.name, held() - scratch.bytes);
    if (held() <= 0) verified.delete(tenant.name);
  }
}

async function spoolVerified(options: ReceiveOptions, scratch: Scratch): Promise<Account> {
  const { unverified, request, network, signature, signers, maxPayloadBytes, signal } = options;
  const arrival = unverified.begin({ network, signal });
  let verdict: 'right' | 'wrong' | undefined;
  try {
    const signatures = new Signatures(await signers());
    for await (const chunk of unverifiedBody({ request, arrival, maxBytes: maxPayloadBytes })) {
      signatures.update(chunk);
      await scratch.write(chunk);
    }
    const tenant = signatures.signer(signature);
    verdict = tenant ? 'right' : 'wrong';
    if (tenant) return tenant;
    const retryAfter = unverified.retryAfter(network);
    if (retryAfter > 0) throw new SlipwayError('too_many_failures', tooMany, { retryAfter });
    throw new SlipwayError('signature_invalid');
  } finally {
    arrival.end(verdict);
  }
}

const tooMany = 'The signature is wrong, as many from this network were in the last minute.';

async function* readBack(scratch: Scratch): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (let at = 0; at < scratch.bytes; ) {
    const read = await scratch.read(piece, at);
    if (read === 0) throw new Error('a payload ended before it was read whole');
    at += read;
    yield piece.subarray(0, read);
  }
}
