/** A hostile request, as bytes on the wire. */
export interface HostileRequest {
  readonly name: string;
  readonly bytes: readonly (string | Buffer)[];
  /** True to keep the connection open after the request. The server must close it. */
  readonly staysOpen?: boolean;
  /** A pattern that the answer must not match. */
  readonly neverSays?: RegExp;
}

interface MakeOptions {
  readonly token: string;
}

const host = 'Host: 127.0.0.1\r\n';
const close = 'Connection: close\r\n';

/** Returns all requests. The server must answer each with 4xx or close its connection. */
export const hostileRequests = ({ token }: MakeOptions): HostileRequest[] => {
  const auth = `Authorization: Bearer ${token}\r\n`;
  const get = (target: string, headers = '') =>
    `GET ${target} HTTP/1.1\r\n${host}${auth}${close}${headers}\r\n`;
  const post = (body: string | Buffer, headers = '', type = 'application/json') => [
    `POST /v1/jobs HTTP/1.1\r\n${host}${auth}${close}Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n`,
    body,
  ];
  const json = (name: string, body: string | Buffer, type?: string): HostileRequest => ({
    name: `JSON: ${name}`,
    bytes: post(body, '', type),
  });
  const job = (more: string) =>
    `{"image":"r.example/a:1","source":{"digest":"sha256:${'0'.repeat(64)}"}${more}}`;
  const smuggled = 'GET /healthz HTTP/1.1\r\nHost: smuggled\r\n\r\n';
  const smuggle = (name: string, headers: string, body: string): HostileRequest => ({
    name: `smuggling: ${name}`,
    bytes: [
      `POST /v1/jobs HTTP/1.1\r\n${host}${auth}Content-Type: application/json\r\n${headers}\r\n${body}`,
    ],
    // The server must not answer the smuggled request as a separate one.
    neverSays: /"status":"ok"/,
  });
  return [
    json('100,000 levels of lists', '['.repeat(100_000) + ']'.repeat(100_000)),
    json('100,000 levels of objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
    json('100,000 levels in a field', job(`,"labels":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`)),
    json('a number without end', job(`,"timeout_ms":${'9'.repeat(500_000)}`)),
    json('an exponent without end', job(',"timeout_ms":1e999999')),
    json('a negative number', job(',"timeout_ms":-1')),
    json('minus zero and fractions', job(',"timeout_ms":-0.5')),
    json('NaN', job(',"timeout_ms":NaN')),
    json('a key twice, the later one wrong', job(',"image":"UPPER CASE"')),
    json('__proto__', job(',"__proto__":{"admin":true}')),
    json('constructor and prototype', job(',"constructor":{"prototype":{"admin":true}}')),
    json('__proto__ among labels', job(',"labels":{"__proto__":{"x":1}}')),
    json('a lone surrogate', job(',"labels":{"a":"\\ud800"}')),
    json('a zero byte', job(',"name":"a\\u0000b"')),
    json('bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])),
    json('more than a mebibyte', `{"image":"${'x'.repeat(1_100_000)}"}`),
    json('a mebibyte of keys', `{${Array.from({ length: 60_000 }, (_, i) => `"k${i}":1`).join(',')}}`),
    json('not one object', 'null'),
    json('a string', '"x"'),
    json('nothing', ''),
    json('a comma too many', '{"a":1,}'),
    json('an unknown charset', '{}', 'application/json; charset=x-none'),
    json('UTF-7', '{}', 'application/json; charset=utf-7'),
    json('UTF-16 that says UTF-8', Buffer.from('{"image":"x"}', 'utf16le')),
    json('a byte order mark', '\ufeff{'),
    json('another type', '{}', 'text/plain'),
    json('a form', 'image=x', 'application/x-www-form-urlencoded'),
    json('a type with quotes', '{}', 'application/json; charset="'),
    json('a body that says it is packed', '{}', 'application/json\r\nContent-Encoding: gzip'),
    json('an unknown content encoding', '{}', 'application/json\r\nContent-Encoding: x-none'),

    smuggle(
      'length and chunks',
      'Content-Length: 6\r\nTransfer-Encoding: chunked\r\n',
      `0\r\n\r\n${smuggled}`,
    ),
    smuggle(
      'chunks and length',
      'Transfer-Encoding: chunked\r\nContent-Length: 6\r\n',
      `0\r\n\r\n${smuggled}`,
    ),
    smuggle('two lengths', 'Content-Length: 0\r\nContent-Length: 50\r\n', smuggled),
    smuggle('two lengths in one', 'Content-Length: 0, 50\r\n', smuggled),
    smuggle('a length with a sign', 'Content-Length: +50\r\n', smuggled),
    smuggle('a negative length', 'Content-Length: -1\r\n', smuggled),
    smuggle('a length in hexadecimal', 'Content-Length: 0x32\r\n', smuggled),
    smuggle('a length beyond all numbers', `Content-Length: ${'9'.repeat(30)}\r\n`, smuggled),
    smuggle('an unknown coding', 'Transfer-Encoding: xchunked\r\n', smuggled),
    smuggle('chunked, then another', 'Transfer-Encoding: chunked, identity\r\n', smuggled),
    smuggle('two codings', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', smuggled),
    smuggle('a blank before the colon', 'Content-Length : 50\r\n', smuggled),
    smuggle('a folded header', 'X-A: a\r\n Content-Length: 50\r\n', smuggled),
    smuggle('a bare line feed', 'X-A: a\nContent-Length: 50\n', smuggled),
    smuggle('a bare carriage return', 'X-A: a\rContent-Length: 50\r\n', smuggled),
    smuggle('a zero byte in a header', 'X-A: a\0b\r\n', smuggled),
    smuggle('a chunk size that is none', 'Transfer-Encoding: chunked\r\n', `xyz\r\n${smuggled}`),
    smuggle('a negative chunk', 'Transfer-Encoding: chunked\r\n', `-1\r\n${smuggled}`),
    smuggle(
      'a chunk beyond all numbers',
      'Transfer-Encoding: chunked\r\n',
      `${'f'.repeat(20)}\r\n${smuggled}`,
    ),
    smuggle(
      'chunk extensions without end',
      'Transfer-Encoding: chunked\r\n',
      `1;${'x'.repeat(100_000)}\r\na\r\n0\r\n\r\n`,
    ),

    { name: 'a header of 100 KB', bytes: [get('/v1/jobs', `X-Long: ${'x'.repeat(100_000)}\r\n`)] },
    { name: '5,000 headers', bytes: [get('/v1/jobs', 'X: y\r\n'.repeat(5_000))] },
    {
      name: 'headers without end',
      bytes: [`GET /v1/jobs HTTP/1.1\r\n${host}`, ...Array(200).fill(`X: ${'y'.repeat(1_000)}\r\n`)],
    },
    { name: 'a target of 100 KB', bytes: [get(`/v1/jobs/${'x'.repeat(100_000)}`)] },
    { name: 'a target of 10 KB', bytes: [get(`/v1/jobs/${'x'.repeat(10_000)}`)] },
    { name: 'a query of 10 KB', bytes: [get(`/v1/jobs?state=${'x'.repeat(10_000)}`)] },
    { name: 'a query of 1,000 parameters', bytes: [get(`/v1/jobs?${'a=1&'.repeat(2_000)}`)] },
    {
      name: 'a token of 10 KB',
      bytes: [`GET /v1/jobs HTTP/1.1\r\n${host}${close}Authorization: Bearer ${'x'.repeat(10_000)}\r\n\r\n`],
    },
    {
      name: 'two tokens',
      bytes: [`GET /v1/jobs HTTP/1.1\r\n${host}${close}Authorization: Bearer x\r\n${auth}\r\n`],
    },
    { name: 'no host', bytes: [`GET /v1/jobs HTTP/1.1\r\n${auth}${close}\r\n`] },
    { name: 'two hosts', bytes: [`GET /v1/jobs HTTP/1.1\r\n${host}Host: other\r\n${close}\r\n`] },
    { name: 'HTTP/9.9', bytes: [`GET /v1/jobs HTTP/9.9\r\n${host}\r\n`] },
    { name: 'HTTP/2 unasked', bytes: ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'] },
    { name: 'TLS', bytes: [Buffer.from('16030100a5010000a10303', 'hex'), Buffer.alloc(150, 1)] },
    { name: 'noise', bytes: [Buffer.alloc(4_096, 0xa5)] },
    { name: 'an SSH greeting', bytes: ['SSH-2.0-OpenSSH_9.9\r\n'] },
    { name: 'an unknown method', bytes: [`BREW /v1/jobs HTTP/1.1\r\n${host}\r\n`] },
    {
      name: 'TRACE',
      bytes: [`TRACE /v1/jobs HTTP/1.1\r\n${host}${auth}${close}X-Secret: mirror\r\n\r\n`],
      neverSays: /mirror/,
    },
    { name: 'CONNECT', bytes: [`CONNECT 169.254.169.254:80 HTTP/1.1\r\n${host}${auth}\r\n`] },
    { name: 'PATCH', bytes: [`PATCH /v1/jobs HTTP/1.1\r\n${host}${auth}${close}Content-Length: 0\r\n\r\n`] },
    { name: 'an absolute target', bytes: [get('http://169.254.169.254/latest/meta-data')] },
    { name: 'an upgrade', bytes: [get('/v1/jobs/x', 'Upgrade: websocket\r\n')] },
    { name: 'an unknown expectation', bytes: [get('/v1/jobs', 'Expect: 999-nothing\r\n')] },

    { name: 'a path with a zero byte', bytes: [get('/v1/jobs/%00')] },
    { name: 'a path with a zero byte as it is', bytes: [get('/v1/jobs/\0')] },
    { name: 'a path that climbs', bytes: [get('/v1/../../etc/passwd')] },
    {
      name: 'a path that climbs, encoded',
      bytes: [get('/v1/sources/%2e%2e%2f%2e%2e%2fetc%2fpasswd')],
      neverSays: /root:/,
    },
    {
      name: 'a path that climbs, encoded twice',
      bytes: [get('/docs/%252e%252e%252fetc%252fpasswd')],
      neverSays: /root:/,
    },
    {
      name: 'files of the page for the document',
      bytes: [get('/docs/..%2f..%2f..%2fpackage.json')],
      neverSays: /dependencies/,
    },
    { name: 'backslashes', bytes: [get('/docs/..\\..\\package.json')], neverSays: /dependencies/ },
    { name: 'doubled slashes', bytes: [get('//v1//jobs')] },
    { name: 'a path that is no UTF-8', bytes: [get('/v1/jobs/%ff%fe')] },
    { name: 'a path cut in a percent sign', bytes: [get('/v1/jobs/%')] },
    { name: 'a path in bytes', bytes: [Buffer.from(get('/v1/jobs/\xff\xfe'), 'latin1')] },
    { name: 'a digest with a path', bytes: [get('/v1/sources/sha256:..%2f..%2fetc')] },
    {
      name: 'line feeds in a path',
      bytes: [get('/v1/jobs/%0d%0aSet-Cookie:%20a=b')],
      neverSays: /^Set-Cookie/im,
    },
    {
      name: 'line feeds in a query',
      bytes: [get('/v1/jobs?cursor=%0d%0aX-Injected:%201')],
      neverSays: /^X-Injected/im,
    },
    {
      name: 'markup in a path',
      bytes: [get('/v1/%3Cscript%3Ealert(1)%3C/script%3E')],
      neverSays: /text\/html/,
    },
    { name: 'a name of the language in a path', bytes: [get('/v1/templates/__proto__')] },
    {
      name: 'a request id with line feeds',
      bytes: [get('/v1/jobs/x', 'X-Request-Id: a%0d%0ab\r\n')],
      neverSays: /\r\nb/,
    },
    {
      name: 'an Idempotency-Key of 10 KB',
      bytes: [post('{}', `Idempotency-Key: ${'k'.repeat(10_000)}\r\n`).join('')],
    },
    {
      name: 'a body that ends too early',
      bytes: [
        `POST /v1/jobs HTTP/1.1\r\n${host}${auth}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{`,
      ],
    },
    {
      name: 'an archive that ends too early',
      bytes: [
        `POST /v1/sources HTTP/1.1\r\n${host}${auth}Content-Type: application/x-tar\r\nContent-Length: 10000\r\n\r\n`,
        Buffer.alloc(600, 1),
      ],
    },
    {
      name: 'a signature of 10 KB',
      bytes: [
        `POST /build HTTP/1.1\r\n${host}${close}X-Build-Signature: sha256=${'0'.repeat(10_000)}\r\nContent-Length: 3\r\n\r\nabc`,
      ],
    },
    {
      name: 'a signature of nothing',
      bytes: [`POST /build HTTP/1.1\r\n${host}${close}X-Build-Signature:\r\nContent-Length: 3\r\n\r\nabc`],
    },
    {
      name: 'a length larger than allowed',
      bytes: [
        `POST /v1/sources HTTP/1.1\r\n${host}${auth}Content-Type: application/x-tar\r\nContent-Length: 99999999999\r\n\r\n`,
        Buffer.alloc(4096),
      ],
    },
  ];
};
