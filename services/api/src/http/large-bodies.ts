import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { BlobStore, Scratch } from '@slipway/shared/blobs';
import { SlipwayError } from '@slipway/shared/errors';
import type { Request, Response } from 'express';
import { accountOf } from './auth.js';
import { closedSignal, lingerThenClose } from './connection.js';
import { FairShare } from './fair-share.js';

/** A complete body, readable like a request. */
export type ArrivedBody = Readable & { readonly headers: IncomingHttpHeaders };

/** A large body on the disk. */
export interface LargeBody {
  /** Resolves when the tenant may have the body in memory; release it with `giveBack`. */
  takeTurn(): Promise<void>;
  giveBack(): void;
  /** Returns the body from its beginning. */
  read(): ArrivedBody;
  /** Releases all memory and disk space, and removes the body. */
  discard(): Promise<void>;
}

interface LargeBodiesOptions {
  readonly blobs: Pick<BlobStore, 'scratch'>;
}

const mebibyte = 1024 * 1024;
/** Smaller bodies are read into memory directly. */
export const smallBodyBytes = 64 * 1024;
/** Limits of body bytes in memory at once. Parsed JSON takes several times its size. */
const memory = { total: 64 * mebibyte, perTenant: 32 * mebibyte };
/** Limits of body bytes on the disk, for uploads of any speed. */
const disk = { total: 1024 * mebibyte, perTenant: 256 * mebibyte };
const pieceBytes = 256 * 1024;

/**
 * Receives large bodies on the disk, where slow uploads cost no memory. Tenants take turns to load their bodies into memory. A
 * tenant never waits for the upload of another tenant.
 */
export class LargeBodies {
  readonly #blobs: Pick<BlobStore, 'scratch'>;
  readonly #memory = new FairShare(memory);
  readonly #disk = new FairShare(disk);

  constructor({ blobs }: LargeBodiesOptions) {
    this.#blobs = blobs;
  }

  /** Returns true if a body is large, or may be because it is packed or of unknown length. */
  isLarge({ headers }: Request): boolean {
    return (
      headers['content-encoding'] !== undefined || !(Number(headers['content-length']) <= smallBodyBytes)
    );
  }

  /** Waits for a part of the tenant's memory, for data that a request keeps in memory. Returns the function that releases it. */
  async reserveMemory(res: Response, bytes: number): Promise<() => void> {
    return await this.#memory.take({ tenant: accountOf(res).name, amount: bytes, signal: closedSignal(res) });
  }

  /** Receives a whole body. Throws `body_too_large` and `body_incomplete`, and then keeps nothing. */
  async receive(req: Request, res: Response, maxBytes: number): Promise<LargeBody> {
    const signal = closedSignal(res);
    const tenant = accountOf(res).name;
    const given = Number(req.headers['content-length'] ?? maxBytes);
    if (given > maxBytes) throw tooLarge(req, res, maxBytes);
    const freeDisk = await this.#disk.take({ tenant, amount: given, signal });
    let scratch: Scratch;
    try {
      scratch = await this.#blobs.scratch();
    } catch (error) {
      freeDisk();
      throw error;
    }
    let giveBack = () => {};
    const discard = async () => {
      giveBack();
      freeDisk();
      await scratch.discard();
    };
    try {
      await receiveInto(req, res, scratch, maxBytes);
      signal.throwIfAborted();
    } catch (error) {
      await discard();
      throw error;
    }
    // A packed body may unpack up to the limit.
    const amount = req.headers['content-encoding'] === undefined ? scratch.bytes : maxBytes;
    return {
      takeTurn: async () => {
        giveBack = await this.#memory.take({ tenant, amount, signal });
      },
      giveBack: () => giveBack(),
      read: () => Object.assign(Readable.from(contentOf(scratch)), { headers: req.headers }),
      discard,
    };
  }
}

async function receiveInto(req: Request, res: Response, scratch: Scratch, maxBytes: number): Promise<void> {
  try {
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      if (scratch.bytes + chunk.length > maxBytes) throw tooLarge(req, res, maxBytes);
      await scratch.write(chunk);
    }
  } catch (error) {
    if (error instanceof SlipwayError || req.complete) throw error;
    throw new SlipwayError('body_incomplete', undefined, { cause: error });
  }
}

function tooLarge(req: Request, res: Response, maxBytes: number): SlipwayError {
  lingerThenClose(req, res);
  return new SlipwayError('body_too_large', `The body is larger than ${maxBytes} bytes.`);
}

async function* contentOf(scratch: Scratch): AsyncGenerator<Buffer> {
  for (let at = 0; at < scratch.bytes; ) {
    const piece = Buffer.allocUnsafe(Math.min(pieceBytes, scratch.bytes - at));
    const read = await scratch.read(piece, at);
    if (read === 0) throw new Error('a body ended before it was read whole');
    at += read;
    yield piece.subarray(0, read);
  }
}
