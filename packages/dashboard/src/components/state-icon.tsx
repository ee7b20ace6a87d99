import type { JobState } from '@slipway/client';

const shapes: Readonly<Record<JobState, string>> = {
  queued: 'M8 4.5V8l2.2 1.6',
  running: 'M6.4 5.2v5.6L11 8z',
  succeeded: 'M5 8.3l2.1 2.1L11.2 6',
  failed: 'M5.6 5.6l4.8 4.8M10.4 5.6l-4.8 4.8',
  canceled: 'M5 8h6',
};

/** A shape for each state, so that states differ without colour. It is decoration: the word stands beside it. */
export function StateIcon({ state, size = 16 }: { state: JobState; size?: number }) {
  return (
    <svg viewBox="0 0 16 16" width={size} height={size} aria-hidden="true" focusable="false">
      <circle
        cx="8"
        cy="8"
        r="6.4"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.6"
        strokeDasharray={state === 'queued' ? '2.4 1.6' : undefined}
      />
      <path
        d={shapes[state]}
        fill={state === 'running' ? 'currentColor' : 'none'}
        stroke="currentColor"
        strokeWidth="1.6"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
