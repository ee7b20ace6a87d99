import { type BuilderLine, parseBuilderLine } from '@slipway/shared/formatting';
import { parseAnsi, plain, type Span, type TextStyle, withoutControls } from './ansi.js';

/** A line as the API returns it. */
export interface GivenLine {
  readonly attempt: number;
  readonly text: string;
}

export type StepState = 'running' | 'done' | 'cached' | 'failed';

export interface Step {
  readonly index: number;
  readonly attempt: number;
  /** The name that the builder gave; empty for lines before the first step. */
  readonly name: string;
  readonly internal: boolean;
  /** The first line of the step. */
  readonly line: number;
  state: StepState;
  /** Undefined until the builder reports it. */
  seconds: number | undefined;
  /** The lines of the step, without those that repeat its name. Ascending. */
  readonly lines: number[];
}

/** `name` begins a step. `end` only repeats that name and is hidden. The others are shown below the name. */
export type LineKind = 'name' | 'end' | 'output' | 'status' | 'error';

/**
 * A job's log in steps, built line by line. Appending a line costs the same for any number of lines. Lines are counted from 0
 * through all attempts.
 */
export class LogModel {
  readonly steps: Step[] = [];
  readonly #texts: string[] = [];
  readonly #kinds: LineKind[] = [];
  readonly #stepOf: number[] = [];
  /** Styles left on by earlier lines of the step, for the few lines that have any. */
  readonly #styles = new Map<number, TextStyle>();
  readonly #named = new Map<string, Step>();
  #attempt = 0;
  #last: Step | undefined;
  #running: Step[] = [];
  #style: TextStyle = plain;

  get length(): number {
    return this.#texts.length;
  }

  get attempts(): number {
    return this.#attempt;
  }

  append(lines: Iterable<GivenLine>): void {
    for (const { attempt, text } of lines) {
      if (attempt !== this.#attempt) this.#begin(attempt);
      const read = readBuilderLine(text);
      if (read.kind === 'step') this.#takeStep(read.text);
      else this.#takeText(read.kind, read.text);
    }
  }

  kind(line: number): LineKind {
    return this.#kinds[line] ?? 'output';
  }

  stepOf(line: number): Step | undefined {
    return this.steps[this.#stepOf[line] ?? -1];
  }

  /** Returns the text of the line, as shown and searched. */
  text(line: number): string {
    return withoutControls(this.#texts[line] ?? '');
  }

  spans(line: number): Span[] {
    return parseAnsi(this.#texts[line] ?? '', this.#styles.get(line)).spans;
  }

  /** Returns the step that ended the last attempt: the one with an error, else the one that never finished. */
  failedStep(): Step | undefined {
    const last = this.steps.filter(({ attempt }) => attempt === this.#attempt);
    return (
      last.findLast(({ state }) => state === 'failed') ??
      last.findLast(({ state, name }) => state === 'running' && name !== '') ??
      // buildah does not name the failed step: it is the last one.
      last.findLast(({ name }) => name !== '' && !name.startsWith('[internal]'))
    );
  }

  /** Returns the seconds of the steps that export and push the image, or undefined when the builder did not report them. */
  exportSeconds(attempt: number): number | undefined {
    let total: number | undefined;
    for (const step of this.steps) {
      if (step.attempt !== attempt || step.seconds === undefined || !isExport(step.name)) continue;
      total = (total ?? 0) + step.seconds;
    }
    return total;
  }

  #begin(attempt: number): void {
    this.#attempt = attempt;
    this.#named.clear();
    this.#running = [];
    this.#last = undefined;
    this.#style = plain;
  }

  #takeStep(text: string): void {
    if (text.startsWith('ERROR ') && this.#takeError(text.slice('ERROR '.length))) return;
    if (text.startsWith('CACHED ')) {
      const step = this.#stepNamed(text.slice('CACHED '.length));
      this.#finish(step, 'cached');
      return;
    }
    const ended = splitSeconds(text);
    const known = ended && this.#named.get(ended.name);
    if (ended && known) {
      this.#add(known, 'end', text);
      this.#finish(known, 'done', ended.seconds);
      return;
    }
    if (ended && !this.#named.has(text)) {
      // Some builders name a step only when it has ended.
      const step = this.#stepNamed(ended.name);
      this.#named.set(text, step);
      this.#finish(step, 'done', ended.seconds);
      return;
    }
    const step = this.#stepNamed(text);
    this.#running = [...this.#running.filter((each) => each !== step), step];
    this.#style = plain;
  }

  /** Returns false when no step has the name. The line then becomes a step of its own. */
  #takeError(text: string): boolean {
    let found: Step | undefined;
    for (const step of this.#named.values()) {
      if (text.startsWith(`${step.name}: `) && step.name.length > (found?.name.length ?? -1)) found = step;
    }
    if (!found) return false;
    this.#add(found, 'error', text.slice(found.name.length + 2));
    this.#finish(found, 'failed');
    return true;
  }

  /** Appends progress to the step named last, and output to the step that began last and still runs. */
  #takeText(kind: 'status' | 'output', text: string): void {
    const running = kind === 'output' ? this.#running.at(-1) : undefined;
    const step = running ?? this.#last ?? this.#create('');
    const line = this.#add(step, kind, text);
    if (kind !== 'output') return;
    if (this.#style !== plain) this.#styles.set(line, this.#style);
    if (this.#style !== plain || text.includes('\x1b')) this.#style = parseAnsi(text, this.#style).end;
  }

  #stepNamed(name: string): Step {
    const known = this.#named.get(name);
    if (known) {
      this.#add(known, 'end', name);
      return known;
    }
    const step = this.#create(name);
    this.#named.set(name, step);
    this.#add(step, 'name', name);
    return step;
  }

  #create(name: string): Step {
    const step: Step = {
      index: this.steps.length,
      attempt: this.#attempt,
      name,
      internal: isInternal(name),
      line: this.length,
      state: 'running',
      seconds: undefined,
      lines: [],
    };
    this.steps.push(step);
    return step;
  }

  #finish(step: Step, state: StepState, seconds?: number): void {
    step.state = state;
    // BuildKit exports and pushes under one name: the times add up.
    if (seconds !== undefined) step.seconds = (step.seconds ?? 0) + seconds;
    this.#running = this.#running.filter((each) => each !== step);
  }

  #add(step: Step, kind: LineKind, text: string): number {
    const line = this.length;
    this.#texts.push(text);
    this.#kinds.push(kind);
    this.#stepOf.push(step.index);
    if (kind !== 'name' && kind !== 'end') step.lines.push(line);
    this.#last = step;
    return line;
  }
}

/** The name of a step in a line without prefix. */
const bareStep = /^(?:CACHED |ERROR )?\[(?:[^\][]+ )?(?:\d+\/\d+|internal)\] /;

const readBuilderLine = (raw: string): BuilderLine =>
  parseBuilderLine(raw) ?? { kind: bareStep.test(raw) ? 'step' : 'output', text: raw };

/** Splits `npm test 0.35s` into name and seconds. Returns undefined when the text does not end with a time. */
function splitSeconds(text: string): { name: string; seconds: number } | undefined {
  const match = /^(.*\S) (\d+\.\d+)s$/.exec(text);
  return match ? { name: match[1] ?? '', seconds: Number(match[2]) } : undefined;
}

/** Steps of the builder itself, not of the Dockerfile: loading the Dockerfile, resolving images, exporting. */
const isInternal = (name: string) =>
  name.startsWith('[internal]') || name.startsWith('[auth]') || isExport(name);

/** Steps that and push the image. */
const isExport = (name: string) => /^(?:exporting|pushing|push) /.test(name);
