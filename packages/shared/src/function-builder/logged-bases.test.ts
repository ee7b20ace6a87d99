import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxBases, maxBasesBytes } from '../contracts/index.js';
import { BaseList, baseOfStep, LoggedBases } from './logged-bases.js';

const digest = `sha256:${'a'.repeat(64)}`;
const forged = `sha256:${'f'.repeat(64)}`;
const node = { reference: 'docker.io/library/node:22-alpine', digest };
const from = (image: string, step = '[build  1/14] ') => `${step}FROM ${image}`;
const time = '2026-01-02T03:04:05Z';

function read(lines: readonly string[]) {
  const bases = new LoggedBases();
  bases.read(lines);
  return bases.values();
}

describe('the name of a step', () => {
  it.each([
    [from(`docker.io/library/node:22-alpine@${digest}`), node],
    [from(`docker.io/library/node:22-alpine@${digest}`, ''), node],
    [from(`docker.io/library/node:22-alpine@${digest}`, '[linux/amd64->arm64 stage-1 1/2] '), node],
    [from(`127.0.0.1:5000/a/b@${digest}`), { reference: '127.0.0.1:5000/a/b:latest', digest }],
  ])('%s', (name, base) => expect(baseOfStep(name)).toEqual(base));

  it.each([
    from('docker.io/library/node:22-alpine'),
    from(`docker.io/library/node:22@sha256:${'A'.repeat(64)}`),
    from(`docker.io/library/node:22@${digest}0`),
    from(`docker.io/library/node:22@${digest} `),
    from(`UPPER@${digest}`),
    `[1/2] RUN echo [1/1] FROM node@${digest}`,
    `[1/2] RUN <<EOF\n[1/1] FROM node@${digest}`,
    `[1/2\n] FROM node@${digest}`,
    `x FROM node@${digest}`,
    `[internal] load metadata for docker.io/library/node@${digest}`,
    from(`${'n'.repeat(3_000)}@${digest}`),
  ])('%s names no base image', (name) => expect(baseOfStep(name)).toBeUndefined());
});

describe('the log of a builder', () => {
  it.each([
    ['with prefixes', 'v: '],
    ['without prefixes', ''],
  ])('%s has the base images', (_what, prefix) => {
    const step = (text: string) => `${prefix}${time} ${text}`;
    const log = [
      step('[internal] load build definition from Dockerfile 0.02s'),
      step(from(`docker.io/library/node:22-alpine@${digest}`)),
      step(`${from(`docker.io/library/node:22-alpine@${digest}`)} 1.35s`),
      step(`CACHED ${from(`docker.io/library/alpine:3@${digest}`, '')}`),
      step('[build  2/14] RUN npm ci'),
    ];
    expect(read(log)).toEqual([node, { reference: 'docker.io/library/alpine:3', digest }]);
  });

  it('gives a base image later than a RUN only where output has a prefix', () => {
    const late = [`${time} [2/3] RUN make`, `${time} ${from(`docker.io/library/node:22-alpine@${digest}`)}`];
    expect(read(late)).toEqual([]);
    expect(read(late.map((line) => `v: ${line}`))).toEqual([node]);
  });

  /** Text that a RUN may print, often a step's name. */
  const printed = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      ...[
        '',
        'v: ',
        's: ',
        'l: ',
        `${time} `,
        `v: ${time} `,
        `l: ${time} v: ${time} `,
        `\nv: ${time} `,
      ].flatMap((start) => [
        `${start}${from(`docker.io/library/node:22-alpine@${forged}`)}`,
        `${start}CACHED ${from(`docker.io/library/node:22-alpine@${forged}`, '')} 0.10s`,
      ]),
    ),
  );

  it('takes no base image from output, whatever it is', () => {
    const head = [`${time} [internal] load`, `${time} ${from(`docker.io/library/node:22-alpine@${digest}`)}`];
    fc.assert(
      fc.property(fc.array(printed), fc.boolean(), (output, isTimed) => {
        const withPrefix = output.map((text) => `l: ${time} ${text}`);
        expect(read([...withPrefix, ...head.map((line) => `v: ${line}`), ...withPrefix])).toEqual([node]);
        const plain = output.map((text) => (isTimed ? `${time} ${text}` : text));
        expect(read([...head, `${time} [2/2] RUN evil`, ...plain])).toEqual([node]);
      }),
    );
  });

  it('is read in bounded memory', () => {
    const bases = new LoggedBases();
    const many = Array.from(
      { length: 5_000 },
      (_none, at) => `v: ${time} ${from(`r.example/a:${at}@${digest}`)}`,
    );
    bases.read(many);
    expect(bases.values()).toHaveLength(maxBases);
    const list = new BaseList();
    for (let at = 0; at < maxBases; at++)
      list.add({ reference: `r.example/${'a'.repeat(900)}:${at}`, digest });
    expect(JSON.stringify(list.values()).length).toBeLessThanOrEqual(maxBasesBytes);
  });

  it('is read in linear time', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('v: [', `v: ${time} [1/1] FROM `, `v: ${time} ${' '.repeat(3)}`),
        (start) => {
          expect(read([`${start}${'[ 1/1] FROM @sha256:'.repeat(40_000)}`])).toEqual([]);
        },
      ),
    );
  });
});
