import { Header, Parser } from 'tar';

/** The content of each file, or where a symbolic link leads. */
export type Files = Readonly<Record<string, string | { readonly link: string }>>;

/** A tar of these files. */
export async function* archiveOf(files: Files): AsyncGenerator<Buffer> {
  for (const [path, text] of Object.entries(files)) {
    const content = Buffer.from(typeof text === 'string' ? text : '');
    const header = new Header({
      ...(typeof text === 'string' ? { type: 'File' } : { type: 'SymbolicLink', linkpath: text.link }),
      ...{ path, size: content.length, mode: 0o644 },
    });
    header.encode();
    yield header.block ?? Buffer.alloc(512);
    yield Buffer.concat([content, Buffer.alloc(-content.length & 511)]);
  }
  yield Buffer.alloc(1024);
}

/** The files of a tar. A path that occurs twice is there twice. */
export async function filesOf(tar: Buffer): Promise<[path: string, text: string][]> {
  const files: [string, string][] = [];
  await new Promise<void>((resolve, reject) => {
    const parser = new Parser({
      onReadEntry(entry) {
        const chunks: Buffer[] = [];
        entry.on('data', (chunk) => chunks.push(chunk));
        entry.on('end', () => {
          if (entry.type === 'File') files.push([entry.path, Buffer.concat(chunks).toString()]);
        });
      },
    });
    parser.on('end', resolve).on('error', reject);
    parser.end(tar);
  });
  return files;
}
