import type { Hmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { BlobStore, Scratch } from '@slipway/shared/blobs';
import { SlipwayError } from '@slipway/shared/errors';
import { type UnverifiedPayloads, unverifiedBody } from '@slipway/shared/function-builder';
import { isSignature, payloadHmac, signatureMatches } from '@slipway/shared/signing';
import type { SourceRoom, SourceStore } from '@slipway/source';
import { type OwnershipDeps, takeOwn } from '../sources/ownership.js';
import type { Account } from '../tenants/account.js';
import type { PayloadSigner } from '../tenants/directory.js';

export interface ReceiveDeps {
  readonly blobs: BlobStore;
  readonly sources: Pick<SourceStore, 'ingestPayload'>;
  readonly owners: OwnershipDeps['owners'];
  /** Returns the signers of payloads, with their secrets. */
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
  /** Network of the client; see `clientNetwork`. */
  readonly network: string;
  readonly signal: AbortSignal;
}

/** A verified payload, stored as a source of the tenant that signed it. */
export interface ReceivedPayload {
  readonly tenant: Account;
  readonly digest: string;
  readonly config: Buffer;
  readonly secrets: Buffer | undefined;
}

const pieceBytes = 256 * 1024;
/** Limit of one tenant's payloads waiting on the disk, as a multiple of the largest payload. */
const waitingPayloads = 2;

/**
 * Receives the body of a `POST /build` in constant memory and within the space for unverified payloads. Reads and stores no content
 * before the signature is verified. Rejects with `signature_invalid`, `too_many_failures` when the network has sent many of those,
 * `body_too_large`, `body_incomplete`, `body_too_slow`, or an error of the source store.
 */
export async function receivePayload(options: ReceiveOptions): Promise<ReceivedPayload> {
  const { blobs, signature } = options;
  if (!isSignature(signature)) throw new SlipwayError('signature_invalid');
  const scratch = await blobs.scratch();
  try {
    const tenant = await receiveVerified(options, scratch);
    return await store(tenant, options, scratch);
  } finally {
    await scratch.discard();
  }
}

/** Stores a verified payload. Beyond `source_bytes`, payloads of one tenant wait for each other, up to a small limit. */
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

async function receiveVerified(options: ReceiveOptions, scratch: Scratch): Promise<Account> {
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

const tooMany = 'The signature is wrong, like many others from this network in the last minute.';

async function* readBack(scratch: Scratch): AsyncGenerator<Buffer> {
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (let at = 0; at < scratch.bytes; ) {
    const read = await scratch.read(piece, at);
    if (read === 0) throw new Error('a payload ended before it was read whole');
    at += read;
    yield piece.subarray(0, read);
  }
}

/** The running signatures of one payload, one per secret. */
class Signatures {
  readonly #running: readonly { readonly account: Account; readonly hmac: Hmac }[];

  constructor(signers: readonly PayloadSigner[]) {
    this.#running = signers.map(({ account, secret }) => ({ account, hmac: payloadHmac(secret) }));
  }

  update(chunk: Uint8Array): void {
    for (const { hmac } of this.#running) hmac.update(chunk);
  }

  /** Returns the account whose secret made this value of X-Build-Signature. Compares with every secret, each in constant time. */
  signer(signature: string): Account | undefined {
    const [found] = this.#running.filter(({ hmac }) => signatureMatches(signature, hmac));
    return found?.account;
  }
}
