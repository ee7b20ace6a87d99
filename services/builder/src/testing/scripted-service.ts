import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuilderResult } from '@slipway/shared/contracts';
import { expect, onTestFinished } from 'vitest';
import { payloadOf } from './payload.js';
import { ScriptedEngine } from './scripted-engine.js';
import { startService } from './start-service.js';

/** A payload that is right in every way. */
export const goodBody = payloadOf({ image: 'r.io/a:1', files: { Dockerfile: 'FROM scratch\n', app: 'x' } });
export const someDigest = `sha256:${'a'.repeat(64)}`;

/** The service over a scripted engine, stopped when the test has ended. */
export async function startScripted(env: Readonly<Record<string, string>> = {}, heartbeatMs = 15_000) {
  const engine = new ScriptedEngine();
  const service = await startService({ env, engine, heartbeatMs });
  onTestFinished(() => service.stop());
  return { ...service, engine };
}

/** Returns the files of sources that remain in the work folder. */
export async function leftIn(workDir: string): Promise<string[]> {
  const parts = await readdir(workDir);
  return (await Promise.all(parts.map((part) => readdir(join(workDir, part))))).flat();
}

/** The status and code of an answer of `/build` that must be a refusal, in the form that its clients read. */
export async function refusalOf(response: Response): Promise<{ status: number; code: string }> {
  expect(response.headers.get('content-type')).toMatch(/^application\/json\b/);
  const body = (await response.json()) as BuilderResult;
  expect(body).toEqual({ status: 'failed', error: expect.any(String), code: expect.any(String), log: [] });
  const retryAfter = response.status === 429 || response.status === 503;
  expect(Number(response.headers.get('retry-after')) > 0).toBe(retryAfter);
  return { status: response.status, code: body.code ?? '' };
}

/** The status and code of an answer that must be a problem. */
export async function problemOf(response: Response): Promise<{ status: number; code: string }> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  return { status: response.status, code: ((await response.json()) as { code: string }).code };
}
