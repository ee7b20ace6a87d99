import { fileURLToPath } from 'node:url';
import type { BuilderResult } from '@slipway/shared/contracts';
import { startProgram } from '../program.js';
import type { Target } from './target.js';
import { pythonWithRequests, sdkClient } from './tools.js';

const script = fileURLToPath(new URL('../../src/clients/python/build.py', import.meta.url));

interface PythonBuild extends Target {
  /** The folder of the templates. */
  readonly project: string;
  readonly handler: string;
  readonly lang: string;
  readonly image: string;
}

/** Builds with a Python script like the one of the walk-through, which uses `tarfile`, `hmac` and `requests`. */
export async function buildWithPython(
  options: PythonBuild,
): Promise<{ readonly status: number; readonly body: BuilderResult }> {
  const { url, payloadSecret, project, handler, lang, image } = options;
  const { exit, out, err } = await startProgram(
    pythonWithRequests(),
    [
      ...[script, '--shrinkwrap', sdkClient(), '--url', url, '--payload', payloadSecret],
      ...['--image', image, '--handler', handler, '--lang', lang],
    ],
    { cwd: project },
  ).ended;
  if (exit !== 0) throw new Error(`build.py ended with ${exit}: ${err}`);
  return JSON.parse(out) as { status: number; body: BuilderResult };
}
