/** Measured values by name, the figures of merit first. Units are in the names (`_ms`, `_mb`); a ratio has none. */
export type Figures = Readonly<Record<string, number>>;

export interface Scenario {
  readonly name: string;
  /** The two things that the scenario compares, in one line. */
  readonly about: string;
  run(bench: Bench): Promise<Figures>;
}

/** The tools that the bench gives to a scenario. */
export interface Bench {
  /** An empty folder for this scenario, removed afterwards. */
  readonly folder: string;
  /** The time for a scenario that runs at a steady load. Default: that of the scenario. */
  readonly minutes?: number | undefined;
  /** Writes progress to stderr. */
  note(text: string): void;
}
