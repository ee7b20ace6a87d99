import type { Fields } from '../config/fields.js';

/** Limits of payloads on the disk. */
export interface PayloadBounds {
  /** The maximum of one source. */
  readonly maxSourceBytes: number;
  /** The maximum of all payloads whose signature is not verified yet; see `UnverifiedPayloads`. */
  readonly unverifiedPayloadBytes: number;
  /** Bytes of the disk that stay free for small writes; see `DiskFloor`. */
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
