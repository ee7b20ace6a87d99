import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { baseImageFits, canonicalImage, familiarImage } from './base-image.js';

const digest = `sha256:${'a'.repeat(64)}`;

describe('a base image', () => {
  it.each([
    ['node', 'docker.io/library/node:latest'],
    ['node:22-alpine', 'docker.io/library/node:22-alpine'],
    ['library/node:22', 'docker.io/library/node:22'],
    ['docker.io/node:22', 'docker.io/library/node:22'],
    ['index.docker.io/library/node:22', 'docker.io/library/node:22'],
    ['openfaas/of-watchdog:0.10', 'docker.io/openfaas/of-watchdog:0.10'],
    ['ghcr.io/openfaas/of-watchdog:0.10', 'ghcr.io/openfaas/of-watchdog:0.10'],
    ['localhost:5000/base', 'localhost:5000/base:latest'],
    [`node@${digest}`, `docker.io/library/node@${digest}`],
    [`node:22@${digest}`, `docker.io/library/node:22@${digest}`],
    ['Not An Image', undefined],
    ['', undefined],
  ])('%j has one spelling', (text, canonical) => {
    expect(canonicalImage(text)).toBe(canonical);
  });

  const part = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const reference = fc
    .record({
      domain: fc.constantFrom('', 'docker.io/', 'index.docker.io/', 'ghcr.io/', 'localhost:5000/'),
      path: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
      tag: fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,8}$/)),
      digest: fc.option(fc.constant(digest)),
    })
    .map(({ domain, path, tag, digest: given }) => ({
      repository: `${domain}${path}`,
      text: `${domain}${path}${tag === null ? '' : `:${tag}`}${given === null ? '' : `@${given}`}`,
    }));

  it('keeps its spelling, and matches itself, its repository and each other spelling', () => {
    fc.assert(
      fc.property(reference, ({ repository, text }) => {
        const canonical = canonicalImage(text) as string;
        expect(canonicalImage(canonical)).toBe(canonical);
        expect(canonicalImage(familiarImage(canonical))).toBe(canonical);
        for (const wanted of [text, canonical, familiarImage(canonical), repository]) {
          expect(baseImageFits(wanted, text)).toBe(true);
        }
      }),
    );
  });

  it('matches no other', () => {
    fc.assert(
      fc.property(reference, reference, (one, other) => {
        const same = canonicalImage(one.text) === canonicalImage(other.text);
        if (baseImageFits(one.text, other.text) && baseImageFits(other.text, one.text) && !same) {
          // Only parts that one of them leaves open may differ.
          expect(canonicalImage(one.repository)).toBe(canonicalImage(other.repository));
        }
        if (canonicalImage(one.repository) !== canonicalImage(other.repository)) {
          expect(baseImageFits(one.repository, other.text)).toBe(false);
        }
      }),
    );
  });

  it.each([
    ['node', 'node:22-alpine', true],
    ['docker.io/library/node', 'node', true],
    ['node:22-alpine', 'docker.io/library/node:22-alpine', true],
    ['node:22', 'node:22-alpine', false],
    ['node:latest', 'node', true],
    ['node', 'node-red', false],
    ['node', 'team/node', false],
    ['node', 'ghcr.io/library/node', false],
    [`node@${digest}`, `node:22@${digest}`, true],
    [`node@${digest}`, 'node:22', false],
    ['node:22', `node:22@${digest}`, true],
    ['NOT', 'node', false],
  ])('pattern %j, image %j, match: %j', (wanted, image, fits) => {
    expect(baseImageFits(wanted, image)).toBe(fits);
  });
});
