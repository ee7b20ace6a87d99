import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Fleet, readStats, resetStats, startSimulator } from '@slipway/simulator';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { scratchFolder } from '../context.js';
import { startTestFleet } from '../fleet.js';
import { makeProject, type ProjectFunction } from './project.js';
import { publish, publishedImages, publishers } from './publish.js';

const count = 100;
const parallel = 32;
const slots = 2;
const durations = { meanMs: 250, sigma: 0.6 };

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startTestFleet({ replicas: [{ slots }, { slots }], durations });
});
afterAll(() => fleet?.stop());
beforeEach(async () => {
  for (const { url } of fleet.replicas) await resetStats(url);
});

const secretFile = (secret: string) => {
  const path = join(scratchFolder(), 'payload-secret');
  // The newline at the end of a file, as editors write it.
  writeFileSync(path, `${secret}\n`);
  return path;
};

describe.each(publishers)(`%s, ${count} functions, ${parallel} at once`, (publisher) => {
  const repository = `r.example/${publisher.toLowerCase().replaceAll(' ', '-')}`;
  const images = Array.from({ length: count }, (_, at) => `${repository}/fn-${at}:1`).sort();
  const functions = images.map((image, at): [string, ProjectFunction] => [
    image.replace(/.*\/(.*):.*/, '$1'),
    { image, lang: at % 2 === 0 ? 'tiny' : 'dockerfile' },
  ]);
  const makeLoad = () => makeProject({ functions: Object.fromEntries(functions), runnable: false });

  test(`loses none of them to a fleet with room for ${2 * slots}`, async () => {
    const { exit, out, err } = await publish({
      ...{ publisher, parallel, project: makeLoad() },
      // The client keeps only scheme and host.
      url: `${fleet.apis[0]?.url}/any/path?at=all`,
      payloadSecret: secretFile(fleet.payloadSecret),
    }).ended;
    expect({ exit, images: publishedImages(err) }).toEqual({ exit: 0, images });
    // The client received the log of each build.
    expect(out.match(/\[2\/2\] COPY \. \//g)).toHaveLength(count);
    const stats = await Promise.all(fleet.replicas.map(({ url }) => readStats(url)));
    const built = stats.flatMap((each) => Object.entries(each.images));
    expect(built.map(([image]) => image).sort()).toEqual(images);
    expect(built.every(([, { begun, succeeded }]) => begun === 1 && succeeded === 1)).toBe(true);
    expect(stats.map(({ max_concurrency, busy }) => [max_concurrency, busy])).toEqual([
      [slots, 0],
      [slots, 0],
    ]);
    const { body } = await fleet.calls.call('/v1/jobs?state=succeeded&limit=200');
    const { jobs } = body as { jobs: { image: string }[] };
    expect(jobs.filter(({ image }) => image.startsWith(`${repository}/`))).toHaveLength(count);
  });

  test('loses the builds that do not fit in one replica alone', async () => {
    const payloadSecret = 'for this one alone';
    const replica = await startSimulator({ payloadSecret, maxInflight: slots, durations });
    try {
      const { exit, out, err } = await publish({
        ...{ publisher, parallel, project: makeLoad(), url: replica.url },
        payloadSecret: secretFile(payloadSecret),
      }).ended;
      const { busy, succeeded } = await replica.stats();
      expect(exit).toBe(1);
      expect(out + err).toContain('builder responded with status code 429');
      expect(busy + succeeded).toBe(count);
      expect(publishedImages(err)).toHaveLength(succeeded);
      process.stdout.write(
        `${publisher}, ${parallel} at once, one replica alone: ${busy} of ${count} lost to 429\n`,
      );
    } finally {
      await replica.stop();
    }
  });
});
