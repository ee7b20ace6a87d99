import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultRule } from '../faults/faults.js';
import type { RecordedOptions, Stats } from '../stats/stats.js';
import { answerTo, endWithJson } from './answer.js';
import type { KeptBuild } from './kept-builds.js';
import { isLie, tellLie } from './lies.js';

export interface RunBuildOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly buildId: string | undefined;
  /** The build goes on when its client is gone. Undefined: it is stopped. */
  readonly kept: KeptBuild | undefined;
  readonly image: string;
  readonly options: RecordedOptions;
  /** Milliseconds, before any fault. */
  readonly durationMs: number;
  readonly fault: FaultRule | undefined;
  readonly stats: Stats;
  readonly isEngineDead: () => boolean;
  /** Ends the process, for the fault `exit`. */
  readonly exit: () => void;
  /** When the stream reports that the simulator drains; undefined: never. */
  readonly draining: AbortSignal | undefined;
}

/** The messages of BuildKit's client when no daemon answers, and when the daemon dies during a build. */
const noEngine =
  'failed to list workers: Unavailable: connection error: desc = "transport: Error while dialing: dial unix /run/buildkit/buildkitd.sock: connect: connection refused"';
const engineDied =
  'failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF';

const userError = 'process "/bin/sh -c npm test" did not complete successfully: exit code: 1';

/** Builds nothing, for as long as a build would take, and says how it ended, or breaks as the fault says. */
export async function runBuild(options: RunBuildOptions): Promise<void> {
  const { request, response, kept, image, durationMs, fault, stats, exit, isEngineDead } = options;
  const gone = new AbortController();
  if (kept) kept.begin(response);
  else response.once('close', () => gone.abort());
  const stopped = kept?.stopped ?? gone.signal;
  const factor = fault?.fault === 'slow' ? fault.factor : 1;
  const begun = performance.now();
  stats.begun(image, options.options, options.buildId);
  const sleep = async (share: number): Promise<boolean> => {
    const ms = durationMs * factor * share;
    if (ms > 0) await delay(ms, undefined, { signal: stopped }).catch(() => undefined);
    if (share > 0) stats.slept(performance.now() - begun, factor);
    return !stopped.aborted;
  };
  const seconds = () => (performance.now() - begun) / 1000;
  /** Counts a build that was stopped, and gives readers of a build with an id the reason. */
  const aborted = () => {
    stats.ended(image, 'aborted');
    const error = 'The build was stopped.';
    kept?.end({ image, status: 'failed', code: String(stopped.reason), error });
  };
  const failed = (status: string) => ({ image, status, error: userError, duration: seconds() });

  switch (fault?.fault) {
    case 'hang':
      await delay(2 ** 31 - 1, undefined, { signal: stopped }).catch(() => undefined);
      return aborted();
    case 'error_500':
      if (!(await sleep(1))) return aborted();
      stats.ended(image, 'failed');
      return endWithJson(response, 500, { log: [userError], ...failed('failed') });
    case 'garbage':
      if (!(await sleep(1))) return aborted();
      stats.ended(image, 'failed');
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      response.end('<html><body><h1>upstream sent too big header</h1></body></html>\n');
      return;
  }

  if (fault && isLie(fault.fault)) {
    if (!(await sleep(1))) return aborted();
    stats.ended(image, 'failed');
    return tellLie(response, fault.fault, image);
  }

  const answer = kept ?? answerTo(request, response);
  const announceDrain = () => answer.drain();
  if (options.draining?.aborted) announceDrain();
  options.draining?.addEventListener('abort', announceDrain);
  response.once('close', () => options.draining?.removeEventListener('abort', announceDrain));
  if (fault?.fault === 'engine_dead') {
    stats.ended(image, 'failed');
    return answer.end({ image, status: 'failed', error: noEngine, duration: seconds() });
  }
  answer.log(logLine('[1/2] FROM scratch', 0));
  if (fault?.fault === 'reset' || fault?.fault === 'exit') {
    const stayed = await sleep(0.5);
    stats.ended(image, stayed ? 'failed' : 'aborted');
    if (stayed && fault.fault === 'exit') exit();
    response.socket?.resetAndDestroy();
    return;
  }
  if (fault?.fault === 'cut')
    setTimeout(() => response.socket?.resetAndDestroy(), (durationMs * factor) / 2).unref();
  let lines = 0;
  const talk = fault?.fault === 'talks' && setInterval(() => answer.log(`line ${++lines}`), fault.ms);
  const stayed = await sleep(1);
  if (talk) clearInterval(talk);
  if (!stayed) return aborted();
  if (isEngineDead()) {
    stats.fault('engine_dead');
    stats.ended(image, 'failed');
    return answer.end({ image, status: 'failed', error: engineDied, duration: seconds() });
  }
  answer.log(logLine('[2/2] COPY . /', seconds()));
  if (fault?.fault === 'verbose') answer.log('.'.repeat(4_000));
  switch (fault?.fault) {
    case 'truncated':
      stats.ended(image, 'failed');
      response.end();
      return;
    case 'says':
      stats.ended(image, 'failed');
      return answer.end({ ...failed('failed'), error: fault.error.replaceAll('{image}', image) });
    case 'failed':
    case 'failure':
      stats.ended(image, 'failed');
      return answer.end(failed(fault.fault));
    default:
      stats.ended(image, 'succeeded');
      return answer.end({ image, status: 'success', duration: seconds() });
  }
}

/** As BuildKit's progress is shown by the builder: `v:` for a vertex. */
const logLine = (step: string, seconds: number) =>
  `v: ${new Date().toISOString()} ${step} ${seconds.toFixed(2)}s`;
