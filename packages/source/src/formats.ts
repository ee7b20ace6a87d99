import { isUtf8 } from 'node:buffer';
import { checksumFits } from './tar-fields.js';
import { blockBytes } from './tar-format.js';

/** A format other than tar. */
export interface ForeignFormat {
  readonly name: string;
  /** The first bytes of its files, as latin1. */
  readonly magics: readonly string[];
  /** Advice beyond packing again. */
  readonly advice?: string;
}

/** Returns advice for a compressed tar. `command` decompresses to its standard output. */
const repack = (command: string): string => `\`${command} FILE | gzip\` makes a tar.gz of the tar in it.`;

/** Formats that users send instead of a tar, mostly by `bsdtar -a` or a wrong file name. */
const formats: readonly ForeignFormat[] = [
  { name: 'gzip', magics: ['\x1f\x8b'], advice: 'Send the tar that is in it.' },
  { name: 'zip', magics: ['PK\x03\x04', 'PK\x05\x06', 'PK\x07\x08'] },
  { name: 'xz', magics: ['\xfd7zXZ\x00'], advice: repack('xz -dc') },
  // Output of pzstd begins with a skippable frame.
  { name: 'zstd', magics: ['\x28\xb5\x2f\xfd', '\x50\x2a\x4d\x18'], advice: repack('zstd -dc') },
  { name: 'bzip2', magics: ['BZh'], advice: repack('bzip2 -dc') },
  { name: 'lz4', magics: ['\x04\x22\x4d\x18', '\x02\x21\x4c\x18'], advice: repack('lz4 -dc') },
  { name: 'lzip', magics: ['LZIP'], advice: repack('lzip -dc') },
  { name: 'lzma', magics: ['\x5d\x00\x00'], advice: repack('xz -dc') },
  { name: 'lzop', magics: ['\x89LZO\x00'], advice: repack('lzop -dc') },
  { name: 'compress', magics: ['\x1f\x9d'], advice: repack('gzip -dc') },
  { name: '7z', magics: ['7z\xbc\xaf\x27\x1c'] },
  { name: 'rar', magics: ['Rar!\x1a\x07'] },
  { name: 'cpio', magics: ['070701', '070702', '070707', '\xc7\x71'] },
  { name: 'ar', magics: ['!<arch>\n', '!<thin>\n'] },
  { name: 'xar', magics: ['xar!'] },
  { name: 'cab', magics: ['MSCF'] },
  { name: 'rpm', magics: ['\xed\xab\xee\xdb'] },
];

const magicBytes = 8;

const find = (head: Buffer): { readonly format: ForeignFormat; readonly magic: string } | undefined => {
  const text = head.toString('latin1', 0, magicBytes);
  for (const format of formats) {
    const magic = format.magics.find((each) => text.startsWith(each));
    if (magic !== undefined) return { format, magic };
  }
  return undefined;
};

/**
 * Returns the number of bytes that identify the format of a file with this head. Only the checksum of a complete block identifies
 * a tar whose first name looks like another format.
 */
export function bytesThatTell(head: Buffer): number {
  if (head.length < magicBytes) return magicBytes;
  const found = find(head);
  return found && isUtf8(Buffer.from(found.magic, 'latin1')) ? blockBytes : magicBytes;
}

/** Returns the format of a file with this head; undefined for a tar and for unknown bytes. */
export function foreignFormat(head: Buffer): ForeignFormat | undefined {
  return head.length >= blockBytes && checksumFits(head, 0) ? undefined : find(head)?.format;
}

/** Returns the detail of an error for an archive of the format. */
export const foreignFormatDetail = ({ name, advice }: ForeignFormat): string =>
  `Its format is ${name}. ${advice ?? 'Send a tar or a tar.gz, as `tar -cz .` makes it.'}`;
