import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bigInteger,
  boolean,
  bytes,
  integer,
  message,
  nested,
  repeated,
  string,
  stringMap,
  timestamp,
} from './protobuf.js';

const inner = message({ text: string(1) });
const all = message({
  text: string(1),
  bytes: bytes(2),
  count: integer(3),
  large: bigInteger(4),
  isSet: boolean(5),
  inner: nested(6, inner),
  many: repeated(7, inner),
  map: stringMap(1_000),
});
const values = fc.record({
  text: fc.string({ unit: 'grapheme' }),
  bytes: fc.uint8Array().map((array) => Buffer.from(array)),
  count: fc.maxSafeInteger(),
  large: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  isSet: fc.boolean(),
  inner: fc.option(fc.record({ text: fc.string() }), { nil: undefined }),
  many: fc.array(fc.record({ text: fc.string() })),
  map: fc.dictionary(
    fc.string().filter((key) => key !== '__proto__'),
    fc.string(),
    { noNullPrototype: true },
  ),
});

test('what is encoded is decoded, and fields that are unknown are skipped', () => {
  fc.assert(
    fc.property(values, (value) => {
      const encoded = Buffer.concat(all.encode(value));
      expect(all.decode(encoded)).toEqual(value);
      expect(message({ count: integer(3) }).decode(encoded)).toEqual({ count: value.count });
    }),
  );
});

/** Bytes that the program protoc made. */
test('the bytes are those of Protocol Buffers', () => {
  const hex = (value: Parameters<typeof all.encode>[0]) => Buffer.concat(all.encode(value)).toString('hex');
  expect(hex({ text: 'testing' })).toBe('0a0774657374696e67');
  expect(hex({ count: 150 })).toBe('189601');
  expect(hex({ count: -2 })).toBe('18feffffffffffffffff01');
  expect(hex({ map: { a: 'b' } })).toBe('c23e060a016112016' + '2');
  expect(hex({ text: '', count: 0, isSet: false, many: [] })).toBe('');
  const at = message({ time: timestamp(1) });
  expect(at.decode(Buffer.from('0a0808011080cab5ee01', 'hex'))).toEqual({ time: 1_500 });
  const fixed = Buffer.from('090000000000000000' + '0d00000000' + '1801', 'hex');
  expect(message({ count: integer(3) }).decode(fixed)).toEqual({ count: 1 });
});

test('a message of very many parts takes no more than its share of time', () => {
  const many = Array.from({ length: 100_000 }, (_unused, at) => ({ text: `${at}` }));
  expect(all.decode(Buffer.concat(all.encode({ many }))).many).toEqual(many);
});

test.each(['0a05', '18', '0a0774657374', '1b', '18ffffffffffffffffffffff01'])(
  'bytes that are no message are refused: %s',
  (hex) => {
    expect(() => all.decode(Buffer.from(hex, 'hex'))).toThrow(/the message/);
  },
);

test('a field of another type is refused', () => {
  expect(() => all.decode(Buffer.from('0801', 'hex'))).toThrow('a number stands where');
  expect(() => all.decode(Buffer.from('1a0161', 'hex'))).toThrow('bytes stand where');
});
