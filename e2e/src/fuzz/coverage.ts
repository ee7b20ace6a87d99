import { Session } from 'node:inspector/promises';

/** The coverage of some scripts in this process, as V8 counts it. */
export interface Coverage {
  /** Returns the blocks that ran since the last call, each with the order of magnitude of its count. */
  take(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Counts in the scripts with a matching URL. They must not be loaded yet, because V8 counts only blocks compiled later. */
export async function startCoverage(script: RegExp): Promise<Coverage> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  return {
    async take() {
      const { result } = await session.post('Profiler.takePreciseCoverage');
      return result
        .filter(({ url }) => script.test(url))
        .flatMap(({ scriptId, functions }) =>
          functions.flatMap(({ ranges }) =>
            ranges
              .filter(({ count }) => count > 0)
              .map(({ startOffset, endOffset, count }) => {
                const magnitude = Math.min(6, Math.ceil(Math.log2(count + 1)));
                return `${scriptId}:${startOffset}-${endOffset}:${magnitude}`;
              }),
          ),
        );
    },
    async stop() {
      await session.post('Profiler.stopPreciseCoverage');
      session.disconnect();
    },
  };
}
