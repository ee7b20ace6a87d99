import { jobSpecSchema } from '@slipway/shared/contracts';
import type { ErrorCode } from '@slipway/shared/errors';
import { describe, expect, it } from 'vitest';
import { registrySign } from './registry-sign.js';

const spec = (tags: readonly string[]) =>
  jobSpecSchema.parse({ image: 'r.example/a:1', tags, source: { digest: `sha256:${'a'.repeat(64)}` } });
const one = spec(['r.example/a:2']);
const two = spec(['R.example/a:2', 'hub/a:1']);
const part = { id: 'job_1', pool: 'p', platforms: ['linux/amd64'], state: undefined };
const fault = (host: string) => ({ outcome: 'fault', host });
const answered = (host: string) => ({ outcome: 'answered', host });
const buildkit = (image: string) => `failed to solve: failed to push ${image}: dial tcp: refused`;
const buildah = (image: string) => `pushing image "x" to "docker://${image}": refused`;

describe('what a failure says about the registries of a job', () => {
  it.each<[string, ErrorCode, string, typeof one, object | undefined]>([
    ['one registry, with any message', 'push_failed', 'refused', one, fault('r.example')],
    ['one registry that refuses', 'push_unauthorized', 'denied', one, answered('r.example')],
    ['the image of two registries', 'push_failed', buildkit('r.example/a:1'), two, fault('r.example')],
    ['a tag on Docker Hub', 'push_rate_limited', buildkit('docker.io/hub/a:1'), two, fault('docker.io')],
    ['a tag that buildah pushes', 'push_failed', buildah('docker.io/hub/a:1'), two, fault('docker.io')],
    ['a tag that is refused', 'push_tag_immutable', buildah('docker.io/hub/a:1'), two, answered('docker.io')],
    ['two registries, and which is not said', 'push_failed', 'refused', two, undefined],
    [
      'a tag whose registry is away',
      'registry_unreachable',
      buildkit('docker.io/hub/a:1'),
      two,
      fault('docker.io'),
    ],
    [
      'a base image of another registry',
      'registry_unreachable',
      'failed to resolve source metadata for b.example/base:1: dial tcp: refused',
      ...([one, undefined] as const),
    ],
    ['the build itself', 'build_failed', buildkit('r.example/a:1'), one, undefined],
  ])('%s', (_what, code, detail, which, expected) => {
    expect(registrySign({ code, detail }, { spec: which, parts: undefined })).toEqual(expected);
  });

  it.each<[ErrorCode, string, object | undefined]>([
    ['registry_unreachable', 'r.example: ECONNREFUSED', fault('r.example')],
    ['registry_unreachable', 'registry-1.docker.io: ECONNREFUSED', fault('docker.io')],
    ['push_failed', 'The registry docker.io answered 503 to the worker.', fault('docker.io')],
    ['push_unauthorized', 'The registry r.example answered 403 to the worker.', answered('r.example')],
    ['registry_unreachable', 'no answer', undefined],
  ])('of a join: %s, %s', (code, detail, expected) => {
    expect(registrySign({ code, detail }, { spec: two, parts: [part] })).toEqual(expected);
  });
});
