// biome-ignore-all lint/suspicious/noTemplateCurlyInString: Dockerfiles write variables that way too.
import { describe, expect, it } from 'vitest';
import { parseBaseImages } from './parse.js';

const node = 'docker.io/library/node:22-alpine';

describe('the base images of a Dockerfile', () => {
  it.each([
    ['one stage', 'FROM node:22-alpine\nRUN ls', [node]],
    ['scratch', 'FROM scratch\nCOPY a /a', []],
    [
      'several stages, some from earlier ones',
      'FROM golang:1.24 AS Build\nFROM build AS test\nFROM BUILD\nFROM alpine:3.22\nCOPY --from=build /a /b',
      ['docker.io/library/golang:1.24', 'docker.io/library/alpine:3.22'],
    ],
    ['the same twice', 'FROM node:22-alpine\nFROM docker.io/library/node:22-alpine', [node]],
    ['a platform flag', 'FROM --platform=$BUILDPLATFORM node:22-alpine AS a', [node]],
    ['no tag', 'FROM ghcr.io/openfaas/of-watchdog', ['ghcr.io/openfaas/of-watchdog:latest']],
    ['a default', 'ARG V=22\nFROM node:${V}-alpine', [node]],
    ['a default in quotes', 'ARG IMAGE="node:22-alpine"\nFROM $IMAGE', [node]],
    ['a default of another argument', 'ARG V=22\nARG IMAGE=node:${V}-alpine\nFROM ${IMAGE}', [node]],
    ['several on one line', 'ARG A=node B=22-alpine\nFROM $A:$B', [node]],
    ['a default of the reference', 'ARG V\nFROM node:${V:-22-alpine}', [node]],
    ['nested defaults', 'ARG W=22-alpine\nFROM node:${V:-${W}}', [node]],
    ['an alternative', 'ARG SLIM=1\nFROM node:22${SLIM:+-alpine}', [node]],
    ['an alternative not taken', 'ARG SLIM=\nFROM node:22-alpine${SLIM:+-slim}', [node]],
    [
      'an argument of a stage, which FROM does not see',
      'FROM alpine:3\nARG V=22\nFROM node:$V',
      ['docker.io/library/alpine:3'],
    ],
    ['a value that only the builder knows', 'FROM x/base-$TARGETARCH:1\nFROM node:22-alpine', [node]],
    ['lower case and continued lines', 'from \\\n  node:22-alpine \\\n  as x', [node]],
    ['another escape character', '# escape=`\nFROM `\nnode:22-alpine', [node]],
    ['comments and blank lines', '\n# FROM fake\n\nFROM node:22-alpine # not a comment', [node]],
    ['a here-document', 'FROM node:22-alpine\nRUN <<EOF\nFROM fake\nEOF\nRUN ls', [node]],
    ['a byte order mark', '\uFEFFFROM node:22-alpine', [node]],
    ['Windows line ends', 'ARG V=22\r\nFROM node:${V}-alpine AS x\r\nFROM x\r\n', [node]],
    ['no reference at all', 'FROM Not/An:Image:x', []],
    ['a stage chosen by argument', 'ARG FLAVOR=a\nFROM node:22-alpine AS base-a\nFROM base-$FLAVOR', [node]],
    ['nothing', '', []],
    ['no Dockerfile', '{"a": [1, 2, 3]}', []],
    ['binary', '\0\u0001\u0002FROM', []],
  ])('with %s', (_what, dockerfile, images) => {
    expect(parseBaseImages(dockerfile, {})).toEqual(images);
  });

  it('are those of the arguments that were given', () => {
    const dockerfile = 'ARG V=20\nARG OS\nFROM node:${V}-${OS:-slim}';
    expect(parseBaseImages(dockerfile, { V: '22', OS: 'alpine' })).toEqual([node]);
    expect(parseBaseImages(dockerfile, { V: '22' })).toEqual(['docker.io/library/node:22-slim']);
    // Only what is declared counts.
    expect(parseBaseImages('FROM node:${V:-1}', { V: '22' })).toEqual(['docker.io/library/node:1']);
    expect(parseBaseImages('ARG toString=1\nFROM node:$toString', {})).toEqual(['docker.io/library/node:1']);
  });

  it('with a digest keep it', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(parseBaseImages(`FROM node:22@${digest}`, {})).toEqual([`docker.io/library/node:22@${digest}`]);
  });

  it('do not grow without end by variables of variables', () => {
    const doubling = Array.from({ length: 60 }, (_, at) => `ARG A${at + 1}=$A${at}$A${at}`).join('\n');
    expect(parseBaseImages(`ARG A0=ab\n${doubling}\nFROM $A60`, {})).toEqual([]);
    expect(parseBaseImages(`FROM ${'${A:-'.repeat(20_000)}`, {})).toEqual([]);
  });
});
