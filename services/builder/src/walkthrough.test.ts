import { execFile } from 'node:child_process';
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findTool, startRegistry, temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busyboxBase } from './testing/build-request.js';
import { engineNames, isTested, type OpenedEngine, openEngine, toolEnv } from './testing/engines.js';
import { testSecret } from './testing/payload.js';
import { inRegistry } from './testing/registry-content.js';
import { type StartedService, startService } from './testing/start-service.js';

const timeout = 60_000;

/**
 * The terminal walk-through of "Create functions from source code with the OpenFaaS Function Builder API" (OpenFaaS blog,
 * 2022-06-22), line by line, but for what it takes from elsewhere: the function (`faas-cli new`), the secret (`kubectl`),
 * the registry, and `jq` to look at the answer. Its `tar` line lacks the folder to pack, which GNU tar wants.
 */
const walkthrough = `
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

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('the walk-through of the Function Builder API', { timeout }, () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>;
    let registry: Awaited<ReturnType<typeof startRegistry>>;
    let opened: OpenedEngine;
    let service: StartedService;
    beforeAll(async () => {
      folder = await temporaryFolder();
      registry = await startRegistry({ dir: join(folder.path, 'registry') });
      const insecureRegistries = [registry.host];
      opened = await openEngine({ name, dir: join(folder.path, 'engine'), insecureRegistries });
      service = await startService({
        env: { ...toolEnv(), ...opened.settings, INSECURE_REGISTRIES: registry.host },
      });
    }, timeout);
    afterAll(async () => {
      await service?.stop();
      await opened?.close();
      await registry?.stop();
      await folder?.remove();
    });

    test('works line by line', async () => {
      const home = join(folder.path, 'home');
      const context = join(home, 'build/hello-world');
      await mkdir(join(context, 'function'), { recursive: true });
      await copyFile(findTool('busybox') ?? '', join(context, 'busybox'));
      await writeFile(
        join(context, 'Dockerfile'),
        `${busyboxBase}COPY . /home/app\nRUN cat /home/app/function/handler.js\n`,
      );
      await writeFile(join(context, 'function/handler.js'), 'module.exports = async () => "hello";\n');
      await writeFile(join(context, '.dockerignore'), '*/node_modules\n');
      const env = { ...process.env, URL: service.url, REGISTRY: registry.host };
      const { stdout } = await promisify(execFile)('bash', ['-c', walkthrough], {
        cwd: home,
        env: { ...env, PAYLOAD: testSecret.reveal() },
      });
      expect(stdout.split('\n')).toEqual(
        expect.arrayContaining([
          './com.openfaas.docker.config',
          './context/',
          './context/Dockerfile',
          './context/.dockerignore',
        ]),
      );
      const answer = JSON.parse(await readFile(join(home, 'build/answer.json'), 'utf8'));
      const image = `${registry.host}/functions/hello-world:0.1.0`;
      expect(answer).toMatchObject({ status: 'success', image });
      expect(answer.log.join('\n')).toContain('module.exports');
      expect((await inRegistry(image)).digest).toBe(answer.digest);
    });
  });
});
