import { describe, expect, test } from 'vitest';
import { json, serve, slipway } from '../testing/command-line.js';

const digest = `sha256:${'a'.repeat(64)}`;
const moved = {
  reference: 'docker.io/library/node:22-alpine',
  functions: 42,
  digests: [{ digest, functions: 1 }],
  unknown: 1,
  newest: { digest, since: '2026-01-02T03:04:05.000Z' },
  behind: 40,
  checked_at: '2026-01-02T03:04:05.000Z',
  check_error: { code: 'pull_unauthorized', detail: 'x', since: '2026-01-02T03:14:05.000Z' },
};
const pinned = { reference: `r.example/tool@${digest}`, functions: 1, digests: [], unknown: 0, behind: 0 };

describe('bases', () => {
  test('lists all base images, page by page', async () => {
    const { env } = await serve({
      'GET /v1/base-images?limit=200': json(200, { base_images: [moved], next_cursor: 'x' }),
      'GET /v1/base-images?limit=200&cursor=x': json(200, { base_images: [pinned] }),
    });
    const { exit, out } = await slipway(['bases'], env);
    expect(exit).toBe(0);
    expect(out).toMatch(
      /^BASE IMAGE +FUNCTIONS +BEHIND +UNKNOWN +NEWEST +SINCE +CHECKED\nnode:22-alpine +42 +40 +1 +(?:sha256:)?a+\S* +[\w ]+ ago +pull_unauthorized\nr\.example\/tool@sha256:a+ +1 +0 +0 +- +- +-\n$/,
    );
    expect(JSON.parse((await slipway(['bases', '--json'], env)).out)).toEqual([moved, pinned]);
  });

  test('filters, and says when there are none', async () => {
    const { env } = await serve({
      'GET /v1/base-images?limit=200&base_image=node&behind=true': json(200, { base_images: [] }),
    });
    const { exit, err } = await slipway(['bases', '--base-image', 'node', '--behind'], env);
    expect([exit, err]).toEqual([0, 'No base images.\n']);
  });
});
