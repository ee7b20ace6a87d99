import type { Fields } from '../config/fields.js';

/** What payloads may take of the disk. */
export interface PayloadBounds {
  /** Of one source. */
  readonly maxSourceBytes: number;
  /** Of payloads whose signature is not checked yet, together; see `UnverifiedPayloads`. */
  readonly unverifiedPayloadBytes: number;
  /** What of the disk stays free for small things; see `DiskFloor`. */
  readonly minFreeDiskBytes: number;
}

const mebibyte = 1024 * 1024;
/** Room for the oldest payload, for one from a network with wrong signatures, and for the others. */
const leastPayloads = 3;
const usualPayloads = 4;

export function payloadBounds(
  fields: Fields,
  usual: { readonly maxSourceBytes: number; readonly min: number },
): PayloadBounds {
  const { min } = usual;
  const maxSourceBytes = fields.int('MAX_SOURCE_BYTES', { default: usual.maxSourceBytes, min });
  return {
    maxSourceBytes,
    unverifiedPayloadBytes: fields.int('UNVERIFIED_PAYLOAD_BYTES', {
      default: usualPayloads * maxSourceBytes,
      min: leastPayloads * maxSourceBytes,
    }),
    minFreeDiskBytes: fields.int('MIN_FREE_DISK_BYTES', { default: 256 * mebibyte }),
  };
}
