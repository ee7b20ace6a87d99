import { expect, it } from 'vitest';
import { StepCounter } from './steps.js';

const counted = (...lines: string[]) => {
  const counter = new StepCounter();
  counter.read(lines);
  return counter.counts();
};
const at = '2026-01-02T03:04:05Z';

it('counts each step once, and those whose layers were there', () => {
  const lines = [
    `v: ${at} [internal] load build definition from Dockerfile 0.01s`,
    `v: ${at} CACHED [build 1/3] FROM alpine`,
    `v: ${at} [build 2/3] RUN make`,
    `v: ${at} [build 2/3] RUN make 0.35s`,
    `v: ${at} CACHED [3/3] COPY . /`,
  ];
  expect(counted(...lines)).toEqual({ total: 3, cached: 2 });
});

it('counts nothing of what steps print, nor of a log without steps', () => {
  expect(counted(`l: ${at} v: ${at} [1/1] RUN x`, 'STEP 1/2: FROM alpine')).toBeUndefined();
});
