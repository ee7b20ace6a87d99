import type { Fields } from '../config/fields.js';

/** Limits of payloads on the disk. */
export interface PayloadBounds {
  /** The maximum of one source. */
  readonly maxSourceBytes: number;
  /** The maximum of entries of one source. */
  readonly maxSourceFiles: number;
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
  const maxSourceBytes = fields.int('MAX_SOURCE_BYTES', {
    doc: 'Limit of one source, as sent and unpacked',
    default: usual.maxSourceBytes,
    min,
  });
  return {
    maxSourceBytes,
    maxSourceFiles: fields.int('MAX_SOURCE_FILES', {
      doc: 'Entries of one source. Their paths and link targets together may take 192 bytes per entry, and at least a mebibyte',
      default: 50_000,
      min: 1,
    }),
    unverifiedPayloadBytes: fields.int('UNVERIFIED_PAYLOAD_BYTES', {
      doc: 'Disk for payloads of `POST /build` before their signatures are checked, at least 3 × `MAX_SOURCE_BYTES`. Without room they [wait](../function-builder-api.md#before-a-signature-is-checked)',
      shownDefault: '4 × `MAX_SOURCE_BYTES`',
      default: usualPayloads * maxSourceBytes,
      min: leastPayloads * maxSourceBytes,
    }),
    minFreeDiskBytes: fields.int('MIN_FREE_DISK_BYTES', {
      doc: 'Free disk of the blob store or `WORK_DIR`, up to a twentieth of it; 0 for none. Below it, writes from a mebibyte up end with `storage_full`',
      default: 256 * mebibyte,
    }),
  };
}
