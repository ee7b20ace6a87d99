import { promisify } from 'node:util';
import { brotliCompress, constants, deflate, gzip } from 'node:zlib';
import type { Attack } from '../attack.js';
import { post } from '../post.js';

/** The number of copies of one body that are sent at the same time. */
const atOnce = 4;
const mebibyte = 1024 * 1024;
/** Compression runs in threads, because this process also times the neighbor. */
const pack = { br: promisify(brotliCompress), deflate: promisify(deflate), gzip: promisify(gzip) };

interface SmallBody {
  readonly name: string;
  readonly path: string;
  readonly body: Buffer;
  readonly encoding?: string;
  readonly type?: string;
}

/** Sends bodies of some kilobytes that become millions of values, or hundreds of megabytes, where they are read without bounds. */
export const smallBodies: Attack = {
  name: 'small-bodies',
  async run({ url, token, note }) {
    let wrong = 0;
    let sent = 0;
    for await (const { name, path, body, encoding, type = 'application/json' } of bodies()) {
      const answers = await Promise.all(
        Array.from({ length: atOnce }, () =>
          post({
            url: `${url}${path}`,
            body,
            headers: {
              authorization: `Bearer ${token}`,
              'content-type': type,
              'content-length': String(body.length),
              ...(encoding !== undefined && { 'content-encoding': encoding }),
            },
          }),
        ),
      );
      sent += answers.length;
      const bad = answers.find(({ status, body: { code } }) => status < 400 || status >= 500 || !code);
      if (!bad) continue;
      wrong++;
      note(`${name} to ${path} (${body.length} bytes) was answered with ${bad.status} ${bad.body.code}`);
    }
    return { faults: { wrong_answers: wrong }, facts: { small_bodies: sent } };
  },
};

const items = (count: number, item = '{}') => `{"items":[${Array(count).fill(item).join(',')}]}`;
const keys = (count: number) => Array.from({ length: count }, (_, at) => `"k${at.toString(36)}":0`).join(',');

async function* bodies(): AsyncGenerator<SmallBody> {
  const gzipped = async (path: string, name: string, json: string): Promise<SmallBody> => ({
    ...{ name, path, body: await pack.gzip(json), encoding: 'gzip' },
  });
  const routes = ['/v1/batches', '/v1/rebuilds', '/v1/jobs', '/v1/webhooks', '/v1/tokens'];
  yield await gzipped('/v1/batches', '1,500,000 empty items', items(1_500_000));
  yield await gzipped(
    '/v1/batches',
    '1,500,000 empty lists in an item',
    items(1, `{"a":[${'[],'.repeat(1_499_999)}[]]}`),
  );
  yield await gzipped('/v1/batches', '5,000,000 numbers', items(1, `{"a":[${'0,'.repeat(4_999_999)}0]}`));
  yield await gzipped(
    '/v1/batches',
    '5,000,000 empty texts',
    items(1, `{"a":[${'"",'.repeat(4_999_999)}""]}`),
  );
  yield await gzipped(
    '/v1/batches',
    '1,000,000 keys in the defaults',
    `{"defaults":{${keys(1_000_000)}},"items":[{}]}`,
  );
  yield await gzipped(
    '/v1/batches',
    '400,000 items with a key of their own',
    items(400_000, '{"a":0}').replaceAll('"a"', distinct()),
  );
  yield await gzipped('/v1/batches', '10,000,000 levels', '['.repeat(10_000_000));
  yield await gzipped('/v1/batches', '10,000 items that lack everything', items(10_000));
  yield await gzipped('/v1/batches', '10,000 items with 40 wrong fields', items(10_000, `{${keys(40)}}`));
  yield await gzipped(
    '/v1/batches',
    'a text of 30 MB',
    `{"items":[{"image":"${'x'.repeat(30 * mebibyte)}"}]}`,
  );
  yield await gzipped(
    '/v1/batches',
    'escapes of 30 MB',
    `{"items":[{"image":"${'\\u0000'.repeat(5 * mebibyte)}"}]}`,
  );
  yield await gzipped(
    '/v1/batches',
    'a number of 30 MB',
    `{"items":[{"timeout":${'9'.repeat(30 * mebibyte)}}]}`,
  );
  for (const path of routes) {
    yield await gzipped(path, 'a mebibyte of numbers', `{"a":[${'0,'.repeat(500_000)}0]}`);
    yield await gzipped(path, 'a mebibyte of levels', '['.repeat(1_000_000));
    yield await gzipped(path, 'blanks without end', `{${' '.repeat(200 * mebibyte)}`);
  }
  const blanks = Buffer.alloc(200 * mebibyte, ' ');
  const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
  yield { name: 'br', path: '/v1/batches', body: await pack.br(blanks, quick), encoding: 'br' };
  yield { name: 'deflate', path: '/v1/batches', body: await pack.deflate(blanks), encoding: 'deflate' };
  const member = await pack.gzip(Buffer.alloc(mebibyte, ' '));
  const members = Buffer.concat(Array<Buffer>(200).fill(member));
  yield { name: '200 members of gzip', path: '/v1/batches', body: members, encoding: 'gzip' };
  const twice = await pack.gzip(await pack.gzip(blanks));
  yield { name: 'packed twice', path: '/v1/batches', body: twice, encoding: 'gzip, gzip' };
  yield {
    name: 'a form with a million values',
    path: '/v1/jobs',
    type: 'multipart/form-data; boundary=b',
    body: Buffer.from(
      `--b\r\nContent-Disposition: form-data; name="job"\r\n\r\n{"a":[${'0,'.repeat(500_000)}0]}\r\n` +
        '--b\r\nContent-Disposition: form-data; name="source"; filename="a"\r\n\r\n\r\n--b--\r\n',
    ),
  };
}

/** Returns a new key on each call, for `replaceAll`. */
function distinct(): (match: string) => string {
  let count = 0;
  return () => `"k${(count++).toString(36)}"`;
}
