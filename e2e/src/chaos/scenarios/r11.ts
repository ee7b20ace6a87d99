import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Fleet } from '@slipway/simulator';
import { type Arena, inArena } from '../arena.js';
import { sendRaw } from '../hostile/raw-http.js';
import { hostileRequests } from '../hostile/requests.js';
import { openSlowRequests } from '../hostile/slow.js';
import { sendPayloads, uploadArchives } from '../hostile/uploads.js';
import { listing, watchRss } from '../hostile/watch.js';
import { submitOne } from '../load.js';
import type { Scenario } from '../scenario.js';

/** What V8 takes of its own accord in a container of 256 MB; with more memory it collects garbage later. */
const heapLimit = '--max-old-space-size=128';
const maxRssBytes = 256 * 1024 * 1024;
/** How long an answer to bytes that are no request may take. */
const patienceMs = 10_000;

export const r11: Scenario = {
  name: 'R11',
  about:
    'archives, payloads, JSON and requests that mean harm: all refused with a code, nothing written elsewhere, little memory taken',
  defaults: { jobs: 1, runs: 200 },

  run: (chaos) =>
    inArena(
      chaos,
      { replicas: [{ slots: 2 }], workers: 1, env: { api: { NODE_OPTIONS: heapLimit } } },
      async (arena) => {
        const { fleet, note } = arena;
        const [api] = fleet.apis;
        if (!api) throw new Error('there is no API');
        const target = { url: api.url, token: fleet.token, payloadSecret: fleet.payloadSecret, note };
        const before = await places(fleet);
        const rss = watchRss(api.pid);
        const slow = await openSlowRequests({ ...target, count: chaos.runs });
        try {
          const archives = await uploadArchives(target, { long: !chaos.quick });
          note(`${archives.sent} archives were uploaded, ${archives.taken.length} of which may be taken`);
          const payloads = await sendPayloads(target);
          note(`${payloads.sent} payloads were sent`);
          const requests = await sendRequests(arena, api.url);
          note(`${requests.sent} requests were sent`);
          // The slow ones are still open, and keep nobody else out.
          await submitOne({ arena }, { name: 'afterwards', expected: 'succeeded' });
          const unended = chaos.quick ? 0 : await slow.unended();
          const after = await places(fleet);
          const written = difference(before, after, [...archives.taken, ...payloads.taken]);
          for (const path of written) note(`${path} was written`);
          const most = rss.most();
          return {
            faults: {
              wrong_answers: archives.wrong + payloads.wrong + requests.wrong,
              written_elsewhere: written.length,
              rss_over: Math.max(0, most - maxRssBytes),
              restarted: api.running ? 0 : 1,
              slow_unended: unended,
            },
            facts: {
              archives: archives.sent,
              payloads: payloads.sent,
              requests: requests.sent,
              rss_mb: Math.round(most / 1024 / 1024),
            },
          };
        } finally {
          slow.close();
          await rss.stop();
        }
      },
    ),
};

async function sendRequests({ fleet, note }: Arena, url: string) {
  const requests = hostileRequests({ token: fleet.token });
  const port = Number(new URL(url).port);
  let wrong = 0;
  for (const { name, bytes, neverSays } of requests) {
    const { statuses, text, isClosed } = await sendRaw({ port, parts: bytes, patienceMs });
    const isRefused =
      isClosed && statuses.length <= 1 && statuses.every((status) => status >= 400 && status < 500);
    const isCoded = text.includes('application/problem+json') || statuses.length === 0;
    if (isRefused && isCoded && !neverSays?.test(text)) continue;
    wrong++;
    note(`${name} was answered with ${statuses.join(', ') || 'nothing'}${isClosed ? '' : ', and left open'}`);
  }
  const health = await fetch(`${url}/healthz`);
  if (!health.ok) wrong++;
  return { wrong, sent: requests.length };
}

/** What lies beside the blobs, which sources are stored, and what lies beside the fleet's folder. */
async function places({ folder }: Fleet) {
  const blobs = await listing(join(folder, 'blobs'), ['logs']);
  return {
    beside: await listing(folder, ['blobs', 'redis', 'logs']),
    // Other programs have their files there too.
    above: (await readdir(dirname(folder))).filter((name) => hostileNames.test(name)),
    root: await readdir('/'),
    blobs: blobs.filter((path) => !path.endsWith('/')),
  };
}

/** Names of what the corpus would write. */
const hostileNames = /^(?:evil|passwd|motd|smuggled|target\.txt|exfil|escape|outer|etc|context)$/;

type Places = Awaited<ReturnType<typeof places>>;

/** What is there now, was not before, and is not of a source that may be stored. */
function difference(before: Places, after: Places, digests: readonly string[]): string[] {
  const stored = new Set(
    digests.flatMap((digest) =>
      ['tar', 'json'].map((type) => `sources/${digest.slice('sha256:'.length)}.${type}`),
    ),
  );
  return (Object.keys(before) as (keyof Places)[]).flatMap((place) =>
    after[place]
      .filter((path) => !before[place].includes(path) && !(place === 'blobs' && stored.has(path)))
      .map((path) => `${place}: ${path}`),
  );
}
