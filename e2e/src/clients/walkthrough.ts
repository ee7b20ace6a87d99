import { randomUUID } from 'node:crypto';
import { cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import type { BuilderResult } from '@slipway/shared/contracts';
import { dockerfile, makeContext, sh } from '../context.js';
import type { Target } from './target.js';

/**
 * The terminal walk-through of "Create functions from source code with the OpenFaaS Function Builder API" (OpenFaaS blog,
 * 2022-06-22), line by line, except for its external parts: the function (`faas-cli new`), the secret (`kubectl`),
 * the registry, and `jq` to look at the answer. Its `tar` line lacks the folder to pack, which GNU tar requires.
 */
const script = `
set -e
export DOCKER_USER="functions"
echo -n '{"image": "'$REGISTRY'/'$DOCKER_USER'/hello-world:0.1.0"}' > ./build/com.openfaas.docker.config

cd build

# rename the build context
rm -rf context
mv hello-world context

tar cvf req.tar --exclude=req.tar .

HMAC=$(cat req.tar | openssl dgst -sha256 -hmac "$PAYLOAD" | sed -e 's/^.* //')

curl -H "X-Build-Signature: sha256=$HMAC" \\
    -s $URL/build \\
    -X POST --data-binary @req.tar > answer.json
`;

/** Creates a context like the walk-through's. Each context is unique, because a cached build shows no output of its steps. */
export const walkthroughContext = (): string =>
  makeContext({
    Dockerfile: dockerfile('COPY . /home/app', 'RUN cat /home/app/function/handler.js'),
    'function/handler.js': `module.exports = async () => "hello"; // ${randomUUID()}\n`,
    '.dockerignore': '*/node_modules\n',
  });

interface WalkthroughOptions extends Target {
  /** The registry for the image `functions/hello-world:0.1.0`. */
  readonly registry: string;
  readonly context: string;
}

interface WalkthroughEnd {
  /** The paths in the tar. */
  readonly packed: readonly string[];
  readonly answer: BuilderResult;
}

/** Follows the walk-through with `tar`, `openssl` and `curl`. */
export async function walkThrough(options: WalkthroughOptions): Promise<WalkthroughEnd> {
  const { url, payloadSecret, registry, context } = options;
  const folder = await temporaryFolder();
  try {
    await mkdir(join(folder.path, 'build'));
    await cp(context, join(folder.path, 'build/hello-world'), { recursive: true });
    const secret = (await readFile(payloadSecret, 'utf8')).trim();
    const settings = `URL='${url}' REGISTRY='${registry}' PAYLOAD='${secret}'\n`;
    const packed = sh('bash', ['-c', settings + script], { cwd: folder.path })
      .toString()
      .split('\n');
    const answer = await readFile(join(folder.path, 'build/answer.json'), 'utf8');
    return { packed, answer: JSON.parse(answer) as BuilderResult };
  } finally {
    await folder.remove();
  }
}
