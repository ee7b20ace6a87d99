import {
  CharClass,
  ExpressionReader,
  PatternSyntaxError,
  readClass,
  readEscape,
  readNamedClass,
} from './char-class.js';
import { Alternative, type State } from './expression.js';

/** Maximum of states of a pattern. `a{1000}` has a thousand. */
const maxStates = 20_000;
const maxRepeats = 1000;
const newline = 10;

const positions = { A: 'start', z: 'end', b: 'word-edge', B: 'no-word-edge' } as const;

/** The operand of a repetition. `(.*\/)?` and a repetition itself cannot be repeated. */
type Atom = State | 'repeated' | 'nothing';

/**
 * Parses a regular expression of the kind that moby creates from a pattern, in the syntax of Go: characters, classes, `(.*\/)?`,
 * positions, repetitions and alternatives. A text matches if it matches one of them. Throws `PatternSyntaxError`.
 */
export function parseExpression(expression: string): { alternatives: Alternative[]; states: number } {
  const reader = new ExpressionReader(expression);
  const found: State[][] = [];
  let states = 0;
  do {
    const alternative = readAlternative(reader, maxStates - states);
    states += alternative.length;
    found.push(alternative);
  } while (reader.skip('|'));
  return { alternatives: found.map((alternative) => new Alternative(alternative)), states };
}

function readAlternative(reader: ExpressionReader, limit: number): State[] {
  const states: State[] = [];
  let last: Atom = 'nothing';
  while (reader.peek() !== undefined && reader.peek() !== '|') {
    const count = readCount(reader);
    if (count !== undefined) {
      repeat(states, last, count);
      last = 'repeated';
    } else if (reader.skip('(.*/)?')) {
      states.push({ kind: 'choice' }, { kind: 'folders' });
      last = 'repeated';
    } else if (reader.skip('\\Q')) {
      while (reader.peek() !== undefined && !reader.skip('\\E')) {
        last = charOf(reader.next());
        states.push(last);
      }
    } else {
      last = readAtom(reader);
      states.push(last);
    }
    if (states.length > limit) throw new PatternSyntaxError('repeats too much');
  }
  return states;
}

interface Count {
  readonly low: number;
  /** Infinite in `{2,}` and `*`. */
  readonly high: number;
}

/** Reads a repetition. Braces with other content are literal. */
function readCount(reader: ExpressionReader): Count | undefined {
  if (reader.skip('*')) return { low: 0, high: Number.POSITIVE_INFINITY };
  if (reader.peek() !== '{') return undefined;
  const near = reader.chars.slice(reader.at, reader.at + 30).join('');
  const found = /^\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}/.exec(near);
  if (!found) return undefined;
  reader.at += found[0].length;
  const low = Number(found[1]);
  const high = found[3] === undefined ? (found[2] ? Number.POSITIVE_INFINITY : low) : Number(found[3]);
  if (low > maxRepeats || (high > maxRepeats && found[3] !== undefined) || low > high) {
    throw new PatternSyntaxError(`has a repetition that is out of bounds: ${found[0]}`);
  }
  return { low, high };
}

function repeat(states: State[], atom: Atom, { low, high }: Count): void {
  if (atom === 'nothing') throw new PatternSyntaxError('has a repetition of nothing');
  if (atom === 'repeated') throw new PatternSyntaxError('has a repetition of a repetition');
  states.pop();
  if (!('code' in atom)) {
    // An optional position has no effect.
    if (low > 0) states.push(atom);
    return;
  }
  const { code, among } = atom;
  const copies = (count: number, kind: 'one' | 'optional') => {
    for (let i = 0; i < count; i++) states.push({ kind, code, ...(among && { among }) });
  };
  copies(low, 'one');
  if (high !== Number.POSITIVE_INFINITY) copies(high - low, 'optional');
  else states.push({ kind: 'any-number', code, ...(among && { among }) });
}

function readAtom(reader: ExpressionReader): State {
  const name = reader.peek(1) ?? '';
  if (reader.skip('^')) return { kind: 'position', is: 'start' };
  if (reader.skip('$')) return { kind: 'position', is: 'end' };
  if (reader.skip('[')) return { kind: 'one', code: 0, among: readClass(reader) };
  if (reader.skip('.'))
    return { kind: 'one', code: 0, among: new CharClass().addAllBut([[newline, newline]]) };
  if (reader.peek() !== '\\') return charOf(reader.next());
  if (name in positions && Object.hasOwn(positions, name)) {
    reader.at += 2;
    return { kind: 'position', is: positions[name as keyof typeof positions] };
  }
  const among = new CharClass();
  if (readNamedClass(reader, among)) return { kind: 'one', code: 0, among };
  return { kind: 'one', code: readEscape(reader) };
}

const charOf = (char: string): State => ({ kind: 'one', code: char.codePointAt(0) ?? 0 });
