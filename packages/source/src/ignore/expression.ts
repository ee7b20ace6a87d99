import { type CharClass, isWordChar } from './char-class.js';

type Position = 'start' | 'end' | 'word-edge' | 'no-word-edge';

export type State =
  | { readonly kind: 'one' | 'optional' | 'any-number'; readonly code: number; readonly among?: CharClass }
  /** `(.*\/)?` takes two states: the choice, and the folders. */
  | { readonly kind: 'choice' }
  | { readonly kind: 'folders' }
  | { readonly kind: 'position'; readonly is: Position };

/** Counts the steps of matching. Throws beyond the limit. */
export interface StepCounter {
  add(steps: number): void;
}

const newline = 10;
const slash = 47;

/** An alternative of an expression. Runs all ways to match in parallel, in at most length of the text × number of states steps. */
export class Alternative {
  readonly #states: readonly State[];
  /** The required last characters of every match, if it must end at the end of the text. */
  readonly #tail: string;
  readonly #isAnchored: boolean;
  readonly #seen: Int32Array;
  /** Marks the states in `#seen` that the current character has reached. */
  #mark = 0;
  #steps = 0;

  constructor(states: readonly State[]) {
    this.#states = states;
    this.#tail = tailOf(states);
    const [first] = states;
    this.#isAnchored = first?.kind === 'position' && first.is === 'start';
    this.#seen = new Int32Array(states.length + 1);
  }

  matches(text: string, counter: StepCounter): boolean {
    counter.add(1);
    this.#mark++;
    if (!text.endsWith(this.#tail)) return false;
    const codes = Array.from(text, (char) => char.codePointAt(0) ?? 0);
    let current: number[] = [];
    for (let at = 0; at <= codes.length; at++) {
      const isStart = at === 0 || !this.#isAnchored;
      if (isStart && this.#enter({ codes, at, state: 0, into: current })) return true;
      if (current.length === 0 && this.#isAnchored) return false;
      counter.add(current.length + this.#steps + 1);
      this.#steps = 0;
      this.#mark++;
      const following: number[] = [];
      if (at === codes.length) return false;
      for (const state of current) {
        if (this.#step({ codes, at, state, into: following })) return true;
      }
      current = following;
    }
    return false;
  }

  /** Consumes one character. Returns true at the end of the expression. */
  #step({ codes, at, state, into }: Step): boolean {
    const code = codes[at] ?? 0;
    const here = this.#states[state];
    const enter = (next: number) => this.#enter({ codes, at: at + 1, state: next, into });
    if (here?.kind === 'folders') {
      const isOver = code === slash && enter(state + 1);
      return isOver || (code !== newline && this.#enterFolders(state, into));
    }
    if (here === undefined || !('code' in here)) return false;
    if (here.among ? !here.among.has(code) : here.code !== code) return false;
    return enter(here.kind === 'any-number' ? state : state + 1);
  }

  #enterFolders(state: number, into: number[]): boolean {
    if (this.#seen[state] !== this.#mark) {
      this.#seen[state] = this.#mark;
      into.push(state);
    }
    return false;
  }

  /** Adds a state and its empty transitions. Returns true at the end of the expression. */
  #enter({ codes, at, state: first, into }: Step): boolean {
    for (let state = first; this.#seen[state] !== this.#mark; state++) {
      this.#seen[state] = this.#mark;
      this.#steps++;
      const here = this.#states[state];
      if (here === undefined) return true;
      if (here.kind === 'position') {
        if (!isAt(here.is, codes, at)) return false;
      } else if (here.kind === 'choice') {
        state++;
        this.#enterFolders(state, into);
      } else {
        into.push(state);
        if (here.kind === 'one' || here.kind === 'folders') return false;
      }
    }
    return false;
  }
}

interface Step {
  readonly codes: readonly number[];
  readonly at: number;
  readonly state: number;
  readonly into: number[];
}

function isAt(position: Position, codes: readonly number[], at: number): boolean {
  if (position === 'start') return at === 0;
  if (position === 'end') return at === codes.length;
  const isEdge = isWordChar(codes[at - 1] ?? 0) !== isWordChar(codes[at] ?? 0);
  return isEdge === (position === 'word-edge');
}

function tailOf(states: readonly State[]): string {
  const last = states.at(-1);
  if (last?.kind !== 'position' || last.is !== 'end') return '';
  let tail = '';
  for (const state of states.slice(0, -1).reverse()) {
    if (state.kind !== 'one' || state.among) break;
    tail = String.fromCodePoint(state.code) + tail;
  }
  return tail;
}
