import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scratchFolder, sh } from '../../context.js';
import { startProgram } from '../../program.js';
import { callGoSdk } from '../go-sdk.js';
import type { Target } from '../target.js';
import { pythonWithRequests } from '../tools.js';

interface PublishedBuild extends Target {
  readonly image: string;
  /** A folder with a Dockerfile. */
  readonly context: string;
}

/** The verdict of a client on a build, and the text that its user sees. */
export interface ClientReport {
  readonly ok: boolean;
  readonly said: string;
}

const script = (name: string) =>
  fileURLToPath(new URL(`../../../src/clients/published/${name}`, import.meta.url));

/** Clients with the rules of their published code. None of them reads the `status` of a 200 answer. */
export const publishedClients: Readonly<Record<string, (build: PublishedBuild) => Promise<ClientReport>>> = {
  'the Python example': (build) => runScript(pythonWithRequests(), script('examples.py'), 'example', build),
  'the Python SDK': (build) => runScript(pythonWithRequests(), script('examples.py'), 'sdk', build),
  'the Node.js example': (build) => runScript(process.execPath, script('example.mjs'), 'example', build),
  'the PHP example': (build) => runScript('php', script('example.php'), 'example', build),
  'the function editor': (build) => runScript(process.execPath, script('example.mjs'), 'editor', build),
  // The client exits with the SDK's error, and ignores the result's `status`.
  'the Go example': async (build) => {
    const { error, results } = await callGoSdk({ ...build, method: 'Build' });
    return { ok: error === undefined, said: error ?? results[0]?.image ?? '' };
  },
};

async function runScript(
  program: string,
  path: string,
  rule: string,
  { url, payloadSecret, ...build }: PublishedBuild,
): Promise<ClientReport> {
  const args = [path, rule, url, packed(build), payloadSecret];
  const { exit, out, err } = await startProgram(program, args).ended;
  if (exit !== 0) throw new Error(`${path} ${rule} ended with ${exit}: ${err}`);
  return JSON.parse(out) as ClientReport;
}

/** A payload with the configuration first, as the examples and the SDK pack it. */
function packed({ image, context }: Pick<PublishedBuild, 'image' | 'context'>): string {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'com.openfaas.docker.config'), JSON.stringify({ image, buildArgs: {} }));
  cpSync(context, join(folder, 'context'), { recursive: true });
  const tar = join(scratchFolder(), 'req.tar');
  sh('tar', ['-C', folder, '-cf', tar, 'com.openfaas.docker.config', 'context']);
  return tar;
}
