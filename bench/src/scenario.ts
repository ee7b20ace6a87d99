/** Names and values of what was measured, the figures of merit first. Units are in the names (`_ms`, `_mb`); a ratio has none. */
export type Figures = Readonly<Record<string, number>>;

export interface Scenario {
  readonly name: string;
  /** What is measured against what, in one line. */
  readonly about: string;
  run(bench: Bench): Promise<Figures>;
}

/** What a scenario gets to work with. */
export interface Bench {
  /** An empty folder of its own, taken away afterwards. */
  readonly folder: string;
  /** Says on stderr what is going on. */
  note(text: string): void;
}
