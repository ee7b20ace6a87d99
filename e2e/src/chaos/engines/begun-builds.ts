import { readFile } from 'node:fs/promises';
import type { SlipwayPart } from '@slipway/local';
import type { Stack } from '../../stack.js';
import { waitFor } from '../waiting.js';

const patienceMs = 120_000;

/**
 * Returns how often the builders of a stack began to build each image. Waits until no build is in progress. Unlike steps, these counts include builds
 * that BuildKit answers from its cache. Rejects when a build is still in progress after 120 s.
 */
export async function begunBuilds(stack: Stack): Promise<ReadonlyMap<string, number>> {
  const builders = stack.parts.filter(({ name }) => /^builder \d+$/.test(name));
  const begun = new Map<string, number>();
  for (const builder of builders)
    for (const image of await waitFor(`the builds of ${builder.name} to end`, patienceMs, () =>
      ended(builder),
    ))
      begun.set(image, (begun.get(image) ?? 0) + 1);
  return begun;
}

/** Returns the image of each build that a builder passed to its engine. Undefined while one runs, or its line is not in the log yet. */
async function ended({ address, logFile }: SlipwayPart): Promise<readonly string[] | undefined> {
  const metrics = await (await fetch(`${address}/metrics`)).text();
  const images = [...imagesIn(await readFile(logFile, 'utf8'))];
  const inFlight = sumOf(metrics, 'slipway_builder_builds_in_flight');
  return inFlight === 0 && images.length === sumOf(metrics, 'slipway_builder_build_duration_seconds_count')
    ? images
    : undefined;
}

/** Returns the sum over all labels of a metric. */
const sumOf = (metrics: string, name: string) =>
  [...metrics.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))].reduce(
    (sum, [, value]) => sum + Number(value),
    0,
  );

/** Returns the image of each build that a builder passed to its engine and that has ended, from the builder's log. */
export function* imagesIn(log: string): Generator<string> {
  for (const line of log.split('\n')) {
    if (!line.endsWith('}') || !line.includes('"build ended"')) continue;
    const { msg, image } = JSON.parse(line) as { readonly msg?: string; readonly image?: string };
    if (msg === 'build ended' && image !== undefined) yield image;
  }
}
