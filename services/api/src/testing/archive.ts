import { Header } from 'tar';

interface Entry {
  readonly path: string;
  readonly text?: string;
  readonly type?: 'File' | 'Directory' | 'SymbolicLink' | 'Link' | 'CharacterDevice';
  readonly linkpath?: string;
}

/** Returns a tar of exactly these entries, valid or not. */
export function archive(entries: readonly Entry[]): Buffer<ArrayBuffer> {
  const blocks = entries.flatMap(({ path, text = '', type = 'File', linkpath = '' }) => {
    const content = Buffer.from(text);
    const header = new Header({
      path,
      type,
      linkpath,
      size: content.length,
      mode: 0o644,
      mtime: new Date(0),
    });
    header.encode();
    const padding = Buffer.alloc((512 - (content.length % 512)) % 512);
    return [header.block ?? Buffer.alloc(512), content, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
