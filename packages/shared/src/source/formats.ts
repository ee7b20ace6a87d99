/** The bytes that files of other formats begin with. */
const magics: readonly (readonly [name: string, magic: string])[] = [
  ['zip', 'PK\x03\x04'],
  ['zip', 'PK\x05\x06'],
  ['xz', '\xfd7zXZ\x00'],
  ['zstd', '\x28\xb5\x2f\xfd'],
  ['bzip2', 'BZh'],
  ['7z', '7z\xbc\xaf\x27\x1c'],
  ['rar', 'Rar!\x1a\x07'],
  ['lz4', '\x04\x22\x4d\x18'],
  ['lzip', 'LZIP'],
  ['compress', '\x1f\x9d'],
  ['gzip', '\x1f\x8b'],
];

/** As many bytes as `foreignFormat` looks at. */
export const magicBytes = 8;

/** Returns the name of the format that the bytes begin as, if it is one that is often sent in the place of a tar. */
export function foreignFormat(head: Buffer): string | undefined {
  const text = head.toString('latin1', 0, magicBytes);
  return magics.find(([, magic]) => text.startsWith(magic))?.[0];
}

/** What an error says about an archive of such a format. */
export const foreignFormatDetail = (format: string): string =>
  `It is a ${format} file. Send a tar or a tar.gz, as \`tar -cz .\` makes it.`;
