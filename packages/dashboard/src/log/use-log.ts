import type { LogLine } from '@slipway/client';
import { useEffect, useReducer, useState } from 'react';
import { useClient } from '../session/session-context.js';
import { LogModel } from './log-model.js';

export interface Log {
  readonly model: LogModel;
  /** Incremented when lines are added. */
  readonly version: number;
  /** True when the log is complete. */
  readonly ended: boolean;
  readonly error: unknown;
}

/** Milliseconds between renders: a long log loads fast, and a build can be watched. */
const showEveryMs = 100;

interface State {
  readonly model: LogModel;
  readonly version: number;
  readonly ended: boolean;
  readonly error: unknown;
}

/** Returns a job's log as it is written, until the job has ended. A broken connection resumes where it broke. */
export function useLog({ jobId }: { jobId: string }): Log & { readonly again: () => void } {
  const client = useClient();
  const [round, again] = useReducer((count: number) => count + 1, 0);
  const [state, setState] = useState<State>(empty);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another round reads the log again
  useEffect(() => {
    const leaving = new AbortController();
    const model = new LogModel();
    let waiting: LogLine[] = [];
    let timer: number | undefined;
    const show = (more: Partial<State> = {}) => {
      window.clearTimeout(timer);
      timer = undefined;
      model.append(waiting);
      waiting = [];
      setState((before) => ({ ...before, model, version: before.version + 1, ...more }));
    };
    const follow = async () => {
      for await (const line of client.followLog({ id: jobId, signal: leaving.signal })) {
        waiting.push(line);
        timer ??= window.setTimeout(show, showEveryMs);
      }
    };
    setState(empty);
    follow().then(
      () => show({ ended: true }),
      (error: unknown) => {
        if (!leaving.signal.aborted) show({ error });
      },
    );
    return () => {
      leaving.abort();
      window.clearTimeout(timer);
    };
  }, [client, jobId, round]);

  return { ...state, again };
}

const empty = (): State => ({ model: new LogModel(), version: 0, ended: false, error: undefined });
