import type { ProcessExit, ProcessHandle } from './process.js';

/** A process that can be killed, and started again in the same place. */
export interface Member {
  readonly name: string;
  readonly url: string;
  /** Id of the process that runs, or ran last. */
  readonly pid: number;
  readonly running: boolean;
  /** Sends a signal to the process; harmless when it has ended. */
  kill(signal: NodeJS.Signals): void;
  /** Resolves when the present process has ended. */
  ended(): Promise<ProcessExit>;
  /** Starts it again and waits until it is ready; harmless when it runs. */
  start(): Promise<void>;
  /** SIGTERM, at most `graceMs`, then SIGKILL. Harmless when it has ended. */
  stop(options?: { graceMs?: number }): Promise<void>;
}

interface MemberOptions {
  readonly name: string;
  readonly url: string;
  readonly start: () => Promise<ProcessHandle>;
}

export async function startMember({ name, url, start }: MemberOptions): Promise<Member> {
  const begin = async () => {
    const handle = await start();
    const process = { handle, running: true };
    void handle.exited.then(() => {
      process.running = false;
    });
    return process;
  };
  let present = await begin();
  let starting: Promise<void> | undefined;
  const again = async () => {
    present = await begin();
  };
  return {
    name,
    url,
    get pid() {
      return present.handle.pid;
    },
    get running() {
      return present.running;
    },
    kill: (signal) => present.handle.kill(signal),
    ended: () => present.handle.exited,
    async start() {
      if (present.running) return;
      starting ??= again().finally(() => {
        starting = undefined;
      });
      await starting;
    },
    async stop(options) {
      await starting?.catch(() => undefined);
      // A process that is frozen would not see the signal to end.
      present.handle.kill('SIGCONT');
      await present.handle.stop(options);
    },
  };
}
