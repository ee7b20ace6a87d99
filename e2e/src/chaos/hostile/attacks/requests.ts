import type { Attack } from '../attack.js';
import { sendRaw } from '../raw-http.js';
import { hostileRequests } from '../requests.js';

/** Milliseconds within which the API must answer bytes that are no valid request. */
const patienceMs = 10_000;

/** Sends the corpus of requests over bare sockets. Each is refused with a code, or its connection is closed. */
export const requests: Attack = {
  name: 'requests',
  async run({ url, port, token, note }) {
    const corpus = hostileRequests({ token });
    let wrong = 0;
    for (const { name, bytes, neverSays } of corpus) {
      const { statuses, text, isClosed } = await sendRaw({ port, parts: bytes, patienceMs });
      const isRefused =
        isClosed && statuses.length <= 1 && statuses.every((status) => status >= 400 && status < 500);
      const isCoded = /application\/problem\+json|"code":"[a-z_]+"/.test(text) || statuses.length === 0;
      if (isRefused && isCoded && !neverSays?.test(text)) continue;
      wrong++;
      note(
        `${name} was answered with ${statuses.join(', ') || 'nothing'}${isClosed ? '' : ', and left open'}`,
      );
    }
    const health = await fetch(`${url}/healthz`);
    if (!health.ok) wrong++;
    return { faults: { wrong_answers: wrong }, facts: { requests: corpus.length } };
  },
};
