/** Constants of the tar format (POSIX.1-2017 pax, "ustar Interchange Format"). */
export const blockBytes = 512;

/** Two zero blocks end an archive. */
export const endOfArchive: Buffer = Buffer.alloc(2 * blockBytes);

/** Offsets of a header's fields. */
export const field = {
  name: 0,
  mode: 100,
  size: 124,
  checksum: 148,
  type: 156,
  linkName: 157,
  magic: 257,
  prefix: 345,
  prefixEnd: 500,
} as const;

/** Returns the bytes rounded up to whole blocks. */
export function padded(bytes: number): number {
  return Math.ceil(bytes / blockBytes) * blockBytes;
}

/** The largest size that eleven octal digits hold, 8 GiB less one. */
export const maxOctalSize = 0o77777777777;

/** Descriptions of entry types that no build context can hold. */
export const unsupported: Readonly<Record<string, string>> = {
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a named pipe',
  D: 'a folder of an incremental archive',
  M: 'the rest of a file of another volume',
  V: 'the label of a volume',
};
