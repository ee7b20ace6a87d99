import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { get } from 'node:http';
import type { Release } from './release.js';

/** The number of answers by status, and of requests without an answer by reason. `later` is 503 with `Retry-After`. */
type Answers = Readonly<Record<string, number>>;

interface FetchMessage {
  readonly request: { readonly origin: string; readonly method: string; readonly path: string };
  readonly response?: { readonly statusCode: number; readonly headers: readonly Buffer[] };
  readonly error?: NodeJS.ErrnoException;
}

/** Counts every answer that `fetch` gets from a server until `stop`, also answers that a client of Slipway hides by a repeat. */
function countFetches(origin: string, count: (answer: string) => void): () => void {
  const onAnswer = (message: unknown) => {
    const { request, response } = message as FetchMessage;
    if (request.origin !== origin || response === undefined) return;
    const { statusCode, headers } = response;
    count(
      answerOf(
        statusCode,
        headers.some((header) => /^retry-after$/i.test(header.toString())),
      ),
    );
  };
  const onError = (message: unknown) => {
    const { request, error } = message as FetchMessage;
    if (request.origin === origin) count(reasonOf(error));
  };
  subscribe('undici:request:headers', onAnswer);
  subscribe('undici:request:error', onError);
  return () => {
    unsubscribe('undici:request:headers', onAnswer);
    unsubscribe('undici:request:error', onError);
  };
}

const answerOf = (status = 0, mayRepeat: boolean) => (status === 503 && mayRepeat ? 'later' : String(status));
const reasonOf = (error: NodeJS.ErrnoException | undefined) => error?.code ?? error?.message ?? 'no answer';

/**
 * Asks for the state of the queue in a steady rhythm until `until` settles. Resolves to what became of these requests: of those on new
 * connections, and of those on connections that stay open, with all others that `fetch` sent to the API meanwhile.
 */
export async function answersDuring(
  { url, token }: Release,
  until: Promise<unknown>,
): Promise<{ readonly fetched: Answers; readonly onNewConnections: Answers }> {
  const [fetched, onNewConnections] = [createTally(), createTally()];
  const headers = { authorization: `Bearer ${token}` };
  const fetchQueue = async () => {
    // `countFetches` counts the answer.
    const response = await fetch(`${url}/v1/queue`, { headers }).catch(() => undefined);
    await response?.arrayBuffer().catch((error: Error) => fetched.count(`body: ${reasonOf(error)}`));
  };
  const getQueue = () =>
    new Promise<void>((resolve) => {
      const end = (answer: string) => {
        onNewConnections.count(answer);
        resolve();
      };
      get(`${url}/v1/queue`, { agent: false, headers }, (response) => {
        const answer = answerOf(response.statusCode, 'retry-after' in response.headers);
        response.resume().on('end', () => end(answer));
        response.on('error', (error) => end(`body: ${reasonOf(error)}`));
      }).on('error', (error) => end(reasonOf(error)));
    });
  const stop = countFetches(new URL(url).origin, fetched.count);
  const running = new Set<Promise<void>>();
  const start = (request: () => Promise<void>) => {
    const sent = request().finally(() => running.delete(sent));
    running.add(sent);
  };
  const timer = setInterval(() => {
    start(fetchQueue);
    start(getQueue);
  }, 200);
  try {
    await until;
  } finally {
    clearInterval(timer);
    await Promise.all(running);
    stop();
  }
  return { fetched: fetched.answers, onNewConnections: onNewConnections.answers };
}

function createTally() {
  const answers: Record<string, number> = {};
  return {
    answers,
    count(answer: string) {
      answers[answer] = (answers[answer] ?? 0) + 1;
    },
  };
}
