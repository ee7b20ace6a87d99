import { useCallback, useMemo, useState } from 'react';
import type { LogModel, Step } from './log-model.js';

interface OpenStepsOptions {
  readonly model: LogModel;
  /** The step at which the job failed. Only this step is open then. */
  readonly failed: Step | undefined;
}

interface OpenSteps {
  readonly isOpen: (step: Step) => boolean;
  readonly setOpen: (steps: readonly Step[], open: boolean) => void;
}

/** Returns which steps are open: the reader's choice, else the steps worth reading. */
export function useOpenSteps({ model, failed }: OpenStepsOptions): OpenSteps {
  const [said, setSaid] = useState({ model, steps: new Map<number, boolean>() });
  const steps = said.model === model ? said.steps : undefined;
  const isOpen = useCallback(
    (step: Step) => {
      const own = steps?.get(step.index);
      if (own !== undefined) return own;
      if (failed) return step === failed;
      return !step.internal && step.attempt === model.attempts;
    },
    [steps, failed, model],
  );
  const setOpen = useCallback(
    (changed: readonly Step[], open: boolean) =>
      setSaid((before) => {
        const next = new Map(before.model === model ? before.steps : undefined);
        for (const { index } of changed) next.set(index, open);
        return { model, steps: next };
      }),
    [model],
  );
  return useMemo(() => ({ isOpen, setOpen }), [isOpen, setOpen]);
}
