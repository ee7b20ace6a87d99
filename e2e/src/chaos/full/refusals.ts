import type { ApiAnswer } from '@slipway/simulator';
import type { Arena } from '../arena.js';

/** The answers received while there was no room. Each answer must be a success or a 5xx problem with one of the codes. */
export class Refusals {
  readonly #note: Arena['note'];
  readonly #counts = new Map<string, number>();
  uncoded = 0;

  constructor({ note }: Pick<Arena, 'note'>) {
    this.#note = note;
  }

  /** Returns true when the answer is a refusal. */
  judge(what: string, code: string, answer: ApiAnswer): boolean {
    if (answer.status < 300) return false;
    const said = (answer.body as { code?: string }).code ?? 'none';
    const isRight =
      answer.status === 507 && said === code && answer.type.includes('application/problem+json');
    if (!isRight) {
      this.uncoded++;
      this.#note(`${what} was answered with ${answer.status} ${said}: ${JSON.stringify(answer.body)}`);
    }
    const name = `${what}_${said}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    return true;
  }

  counts(): Record<string, number> {
    return Object.fromEntries(this.#counts);
  }
}
