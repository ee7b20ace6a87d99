import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { scratchFolder } from '../context.js';
import { type RunningProgram, startProgram } from '../program.js';
import type { Target } from './target.js';

interface CurlBuild extends Target {
  readonly context: string;
  readonly image: string;
}

/** A build with `curl`, streamed to its standard output. */
export function streamWithCurl({ url, payloadSecret, context, image }: CurlBuild): RunningProgram {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'com.openfaas.docker.config'), JSON.stringify({ image }));
  execFileSync('tar', [
    '-C',
    folder,
    '-cf',
    join(folder, 'req.tar'),
    'com.openfaas.docker.config',
    '--transform',
    's,^\\./,context/,',
    '-C',
    context,
    '.',
  ]);
  const signed = `curl -sN -H "X-Build-Signature: sha256=$(openssl dgst -sha256 -hmac "$(cat "$SECRET")" req.tar | sed 's/^.* //')"`;
  const ask = `-H 'Accept: application/x-ndjson' -H 'Content-Type: application/octet-stream' --data-binary @req.tar`;
  return startProgram('bash', ['-c', `exec ${signed} ${ask} "$URL/build"`], {
    cwd: folder,
    env: { URL: url, SECRET: payloadSecret },
  });
}
