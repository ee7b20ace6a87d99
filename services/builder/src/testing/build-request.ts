import { chmod, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { findTool } from '@slipway/local';
import type { BuildOptions } from '@slipway/shared/function-builder';
import type { BuildEngine, BuildRequest } from '../engines/engine.js';

/** A base of one static program, which is shell and tools at once; `busybox` lies in every context. */
export const busyboxBase = 'FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n';

/**
 * Shell code for the end of a step whose output a test expects in the log. buildah's chroot isolation exits with the step, without a last read of its
 * pipes. This code overfills both pipes (64 KiB each), so the step ends only after buildah has passed on all output before it.
 */
export const flush =
  "; for fd in 1 2; do { busybox head -c 98304 /dev/zero | busybox tr '\\0' . ; echo; } >&$fd; done";

const noExtras = { secrets: new Map(), attestations: { sbom: false, provenance: false } } as const;

const noOptions: BuildOptions = {
  dockerfile: 'Dockerfile',
  target: undefined,
  tags: [],
  labels: {},
  annotations: {},
  noCache: false,
  pull: false,
};

let requests = 0;

interface RequestOptions extends Partial<BuildRequest> {
  /** Where the context is put. */
  readonly folder: string;
  readonly files: Readonly<Record<string, string>>;
  /** `host:port` that the image is to be pushed to. */
  readonly registry: string;
}

/** A build with a context of its own, of an image of its own. */
export async function buildRequest({
  folder,
  files,
  registry,
  ...more
}: RequestOptions): Promise<BuildRequest> {
  const id = `${process.pid}-0123abcd-${requests++}`;
  const dir = join(folder, id);
  const contextDir = join(dir, 'context');
  const scratchDir = join(dir, 'scratch');
  await mkdir(scratchDir, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(contextDir, path)), { recursive: true });
    await writeFile(join(contextDir, path), content);
  }
  await copyFile(findTool('busybox') ?? 'busybox', join(contextDir, 'busybox'));
  await chmod(join(contextDir, 'busybox'), 0o755);
  const image = `${registry}/test-${id}:1`;
  return {
    id,
    contextDir,
    dockerfile: join(contextDir, more.options?.dockerfile ?? 'Dockerfile'),
    options: noOptions,
    scratchDir,
    image,
    buildArgs: {},
    platforms: [],
    push: true,
    loadsFrontend: false,
    ...noExtras,
    ...more,
  };
}

/** Builds, and returns the digest, the base images and the log. */
export async function build(
  engine: BuildEngine,
  request: BuildRequest,
  signal = new AbortController().signal,
) {
  const log: string[] = [];
  const { digest, bases } = await engine.build(request, { signal, onLog: (line) => log.push(line) });
  return { digest, bases, log };
}

/** Returns the error and the log of a build that must fail. */
export async function failure(engine: BuildEngine, request: BuildRequest) {
  const log: string[] = [];
  const run = { signal: new AbortController().signal, onLog: (line: string) => log.push(line) };
  const error: Error & { code?: string } = await engine.build(request, run).then(
    () => new Error('the build did not fail'),
    (reason) => reason,
  );
  return { code: error.code, message: error.message, log };
}

/** Returns what the steps of a build printed. */
export function output(log: readonly string[]): string[] {
  return log.filter((line) => line.startsWith('l: ')).map((line) => line.replace(/^l: \S+Z /, ''));
}
