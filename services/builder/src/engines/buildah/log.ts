import { outputLine, stepLine } from '../log-lines.js';

/** buildah's announcement of an instruction: `STEP 2/4: RUN …`, after `[1/2] ` in a build of several stages. */
const announcement = /^(?:\[(\d+\/\d+)\] )?STEP (\d+\/\d+): (.*)$/;

/** Turns buildah's plain output into lines of a log. One for each build. */
export class BuildahLog {
  readonly #onLog: (line: string) => void;
  readonly #now: () => Date;
  #step: { readonly name: string; readonly started: Date } | undefined;

  constructor({ onLog, now }: { onLog: (line: string) => void; now: () => Date }) {
    this.#onLog = onLog;
    this.#now = now;
  }

  take(line: string): void {
    const match = announcement.exec(line);
    if (!match) {
      this.#onLog(outputLine(this.#now(), line));
      return;
    }
    const [, stage, step, instruction] = match;
    this.begin(`[${stage === undefined ? '' : `stage ${stage} `}${step}] ${instruction}`);
  }

  begin(name: string): void {
    this.end();
    const started = this.#now();
    this.#step = { name, started };
    this.#onLog(stepLine(started, name));
  }

  /** The step in hand is done. */
  end(): void {
    if (!this.#step) return;
    const now = this.#now();
    this.#onLog(stepLine(now, this.#step.name, (now.getTime() - this.#step.started.getTime()) / 1000));
    this.#step = undefined;
  }
}
