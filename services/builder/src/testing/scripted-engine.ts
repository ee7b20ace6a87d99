import type { BuildEngine, BuildOutcome, BuildRequest, BuildRun } from '../engines/engine.js';

export interface ScriptedBuild {
  readonly request: BuildRequest;
  readonly run: BuildRun;
  succeed(outcome?: Partial<BuildOutcome>): void;
  fail(error: unknown): void;
}

/** An engine whose builds end when the test says so, or at once when aborted. It builds nothing. */
export class ScriptedEngine implements BuildEngine {
  readonly name = 'buildah';
  reported: BuildEngine['reported'];
  /** The value of `reported` after a check. */
  mode: BuildEngine['reported'] = 'buildah';
  readonly loadsFrontends = true;
  readonly warnings: string[] = [];
  readonly builds: ScriptedBuild[] = [];
  /** The error that `check` rejects with. */
  fault: Error | undefined;
  checks = 0;
  /** Told of each build as it starts. */
  onBuild: (build: ScriptedBuild) => void = () => {};

  async check(): Promise<void> {
    this.checks++;
    if (this.fault) throw this.fault;
    this.reported = this.mode;
  }

  async close(): Promise<void> {}

  build(request: BuildRequest, run: BuildRun): Promise<BuildOutcome> {
    return new Promise((resolve, reject) => {
      const build: ScriptedBuild = {
        request,
        run,
        succeed: (outcome) => resolve({ digest: undefined, bases: [], ...outcome }),
        fail: reject,
      };
      run.signal.addEventListener('abort', () => reject(run.signal.reason));
      if (run.signal.aborted) reject(run.signal.reason);
      this.builds.push(build);
      this.onBuild(build);
    });
  }
}
