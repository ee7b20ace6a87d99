/** The part of the Protocol Buffers wire format that BuildKit's messages use: https://protobuf.dev/programming-guides/encoding. */

const varintType = 0;
const bytesType = 2;
/** Bytes of the fixed-size wire types, which are skipped. */
const fixedSizes: Readonly<Record<number, number>> = { 1: 8, 5: 4 };

type RawValue = bigint | Buffer;

export interface Field<T> {
  readonly number: number;
  /** The value of a message without the field. */
  absent(): T;
  /** Adds the field to the parts of a message. Adds nothing for a default value. */
  write(value: T, parts: Buffer[]): void;
  /** Returns the value after one more occurrence of the field. May change the value before, which is the message's own. */
  read(raw: RawValue, before: T): T;
}

type Fields = Readonly<Record<string, Field<unknown>>>;

export interface Message<T> {
  /** Returns the parts of the encoded message. Absent fields have their defaults. */
  encode(value: Partial<T>): Buffer[];
  /** Skips unknown fields. Throws for bytes that are no message. */
  decode(bytes: Buffer): T;
}

export type ValueOf<M> = M extends Message<infer T> ? T : never;

type Values<F> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** Describes a message by its fields. */
export function message<F extends Fields>(described: F): Message<Values<F>> {
  const fields = Object.entries(described);
  const byNumber = new Map(fields.map(([name, field]) => [field.number, { name, field }]));
  return {
    encode(value) {
      const parts: Buffer[] = [];
      const values = value as Readonly<Record<string, unknown>>;
      for (const [name, field] of fields) {
        const given = values[name];
        if (given !== undefined) field.write(given, parts);
      }
      return parts;
    },
    decode(bytes) {
      const values = Object.fromEntries(fields.map(([name, field]) => [name, field.absent()]));
      for (const { number, raw } of occurrences(bytes)) {
        const known = byNumber.get(number);
        if (known) values[known.name] = known.field.read(raw, values[known.name]);
      }
      return values as Values<F>;
    },
  };
}

export const string = (number: number): Field<string> => ({
  number,
  absent: () => '',
  write: (value, parts) => value !== '' && writeBytes(number, [Buffer.from(value)], parts),
  read: (raw) => bytesOf(raw).toString(),
});

export const bytes = (number: number): Field<Uint8Array> => ({
  number,
  absent: () => Buffer.alloc(0),
  write: (value, parts) => value.length > 0 && writeBytes(number, [value], parts),
  read: bytesOf,
});

/** An integer or an enum. */
export const integer = (number: number): Field<number> => ({
  number,
  absent: () => 0,
  write: (value, parts) => value !== 0 && parts.push(varint(tag(number, varintType)), varint(value)),
  read: (raw) => Number(integerOf(raw)),
});

/** An integer that may be larger than a `number` holds. */
export const bigInteger = (number: number): Field<bigint> => ({
  number,
  absent: () => 0n,
  write: (value, parts) => value !== 0n && parts.push(varint(tag(number, varintType)), varint(value)),
  read: integerOf,
});

export const boolean = (number: number): Field<boolean> => ({
  number,
  absent: () => false,
  write: (value, parts) => value && parts.push(varint(tag(number, varintType)), varint(1)),
  read: (raw) => integerOf(raw) !== 0n,
});

export const nested = <T>(number: number, of: Message<T>): Field<T | undefined> => ({
  number,
  absent: () => undefined,
  write: (value, parts) => value !== undefined && writeBytes(number, of.encode(value), parts),
  read: (raw) => of.decode(bytesOf(raw)),
});

export const repeated = <T>(number: number, of: Message<T>): Field<T[]> => ({
  number,
  absent: () => [],
  write: (value, parts) => {
    for (const item of value) writeBytes(number, of.encode(item), parts);
  },
  read: (raw, before) => {
    before.push(of.decode(bytesOf(raw)));
    return before;
  },
});

const entry = message({ key: string(1), value: string(2) });

export const stringMap = (number: number): Field<Readonly<Record<string, string>>> => ({
  number,
  absent: () => ({}),
  write: (value, parts) => {
    for (const [key, text] of Object.entries(value))
      writeBytes(number, entry.encode({ key, value: text }), parts);
  },
  read: (raw, before) => {
    const { key, value } = entry.decode(bytesOf(raw));
    return { ...before, [key]: value };
  },
});

const instant = message({ seconds: integer(1), nanos: integer(2) });

/** `google.protobuf.Timestamp`, in ms since 1970. */
export const timestamp = (number: number): Field<number | undefined> => ({
  number,
  absent: () => undefined,
  write: () => undefined,
  read: (raw) => {
    const { seconds, nanos } = instant.decode(bytesOf(raw));
    return seconds * 1_000 + nanos / 1_000_000;
  },
});

const tag = (number: number, type: number) => number * 8 + type;

function writeBytes(number: number, content: readonly Uint8Array[], parts: Buffer[]): void {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  parts.push(bytesPrefix(number, length));
  for (const part of content) parts.push(Buffer.from(part.buffer, part.byteOffset, part.length));
}

/** Returns what stands before the bytes of a field. */
export function bytesPrefix(number: number, length: number): Buffer {
  return Buffer.concat([varint(tag(number, bytesType)), varint(length)]);
}

function varint(value: number | bigint): Buffer {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  out.push(Number(rest));
  return Buffer.from(out);
}

function bytesOf(raw: RawValue): Buffer {
  if (typeof raw === 'bigint') throw new Error('a number stands where a message or text is expected');
  return raw;
}

function integerOf(raw: RawValue): bigint {
  if (typeof raw !== 'bigint') throw new Error('bytes stand where a number is expected');
  return BigInt.asIntN(64, raw);
}

function* occurrences(from: Buffer): Generator<{ readonly number: number; readonly raw: RawValue }> {
  let at = 0;
  const next = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = from[at++];
      if (byte === undefined || shift > 63n) throw new Error('the message is cut off');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  while (at < from.length) {
    const key = Number(next());
    const [number, type] = [Math.floor(key / 8), key % 8];
    if (type === varintType) {
      yield { number, raw: next() };
      continue;
    }
    const size = type === bytesType ? Number(next()) : fixedSizes[type];
    if (size === undefined) throw new Error(`the message has wire type ${type}`);
    if (size > from.length - at) throw new Error('the message is cut off');
    if (type === bytesType) yield { number, raw: from.subarray(at, at + size) };
    at += size;
  }
}
