import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { findTool } from '@slipway/local';
import { generateKeyPair, SecretBytes, sealSecrets } from '@slipway/shared/sealing';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { busyboxBase, flush } from '../testing/build-request.js';
import { type EngineService, type ServicesOnEngines, servicesOn } from '../testing/engine-service.js';
import { engineNames, isTested } from '../testing/engines.js';
import { filesWith } from '../testing/files-with.js';
import { payloadOf } from '../testing/payload.js';
import { postBuild, resultOf, streamed } from '../testing/post-build.js';
import { processesShowing, processesWith } from '../testing/processes.js';
import { objectsOf } from '../testing/registry-content.js';

const pair = generateKeyPair();
/** Long enough to be masked, and nowhere else on this machine. */
const token = `token-${randomBytes(16).toString('hex')}`;
const lines = `first ${randomBytes(16).toString('hex')}\nsecond ${randomBytes(16).toString('hex')}\n`;

const sha256 = (content: string | Buffer) => createHash('sha256').update(content).digest('hex');
const mount = (id: string, more = '') => `--mount=type=secret,id=${id}${more}`;

interface BuildOptions {
  readonly image: string;
  /** Dockerfile lines after the base. */
  readonly steps: string;
  readonly secrets?: Readonly<Record<string, string | Buffer>>;
  readonly publicKey?: string;
}

function payload({ image, steps, secrets = { token }, publicKey = pair.publicKey }: BuildOptions): Buffer {
  const values = new Map(
    Object.entries(secrets).map(([name, value]) => [name, new SecretBytes(Buffer.from(value))]),
  );
  const sealed = sealSecrets({ publicKey, secrets: values });
  const busybox = readFileSync(findTool('busybox') ?? '');
  return payloadOf({
    image,
    files: { Dockerfile: `${busyboxBase}${steps}`, busybox },
    entries: [{ path: './com.openfaas.secrets', content: sealed }],
  });
}

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('build secrets', () => {
    let services: ServicesOnEngines;
    let service: EngineService;
    beforeAll(async () => {
      services = await servicesOn(name);
      service = await services.start({ BUILD_SECRETS_PRIVATE_KEY: pair.privateKey.reveal() });
    });
    afterAll(() => services?.stop());
    const build = async (options: Omit<BuildOptions, 'image'>, headers = {}) => {
      const image = `${services.registry}/secrets-${randomBytes(4).toString('hex')}:1`;
      const body = payload({ ...options, image });
      const answer = await postBuild({ url: service.url, body, headers });
      return { image, answer };
    };

    test('are in the steps that mount them, and nowhere else', async () => {
      const marker = ['sleep', `54321${process.pid}`];
      const secrets = { token, 'ca.crt': lines };
      const steps = `RUN ${mount('token')} busybox sha256sum /run/secrets/token; busybox ${marker.join(' ')} || true
RUN ${mount('ca.crt', ',target=/ca')} busybox sha256sum /ca; ls /run/secrets /ca || echo gone${flush}
RUN ${mount('token')} busybox sha256sum /run/secrets/token > /sum; cat /sum${flush}
`;
      const running = build({ steps, secrets });
      await expect.poll(() => processesWith(...marker)).not.toEqual([]);
      // In the middle of the build: no command line, no file of the builder or the engine.
      expect(processesShowing('cmdline', token)).toEqual([]);
      if (name === 'buildkit') expect(processesShowing('environ', token)).toEqual([]);
      expect(filesWith(token, service.workDir)).toEqual([]);
      expect(filesWith(token, service.engineFolder)).toEqual([]);
      for (const pid of processesWith(...marker)) process.kill(Number(pid), 'SIGTERM');
      const { image, answer } = await running;
      const result = await resultOf(answer);
      expect(result).toMatchObject({ status: 'success' });
      const log = result.log?.join('\n');
      expect(log).toContain(sha256(token));
      expect(log).toContain(sha256(lines));
      const objects = await objectsOf(image);
      expect(objects.some(({ content }) => content.includes(sha256(token)))).toBe(true);
      for (const text of [token, ...lines.trim().split('\n')]) {
        for (const { content } of objects) expect(content.includes(text)).toBe(false);
        expect(JSON.stringify(result)).not.toContain(text);
        expect(service.log()).not.toContain(text);
        expect(filesWith(text, service.engineFolder)).toEqual([]);
        expect(filesWith(text, '/dev/shm')).toEqual([]);
      }
    });

    test('are masked where a build prints them, streamed or not, failed or not', async () => {
      let builds = 0;
      const print = `${mount('token')} ${mount('all')} echo "it is $(cat /run/secrets/token)!"; cat /run/secrets/all${flush}`;
      for (const [end, status] of [
        ['', 'success'],
        ['; cat /run/secrets/token >&2; exit 3', 'failed'],
      ]) {
        for (const headers of [{}, streamed]) {
          const secrets = { token, all: lines, short: 'true' };
          const steps = `ENV BUILD=${builds++}\nRUN ${print}${end}\n`;
          const { answer } = await build({ steps, secrets }, headers);
          const text = await answer.text();
          expect(text).toContain(`"status":"${status}"`);
          expect(text).toContain('it is ***!');
          for (const hidden of [token, ...lines.trim().split('\n')]) expect(text).not.toContain(hidden);
        }
      }
      expect(service.log()).not.toContain(token);
      expect(filesWith(token, service.engineFolder)).toEqual([]);
    });

    test('are gone when their build is stopped', async () => {
      const marker = ['sleep', `43210${process.pid}`];
      const client = new AbortController();
      const body = payload({
        image: `${services.registry}/stopped:1`,
        steps: `RUN ${mount('token')} busybox ${marker.join(' ')}\n`,
      });
      const gone = postBuild({ url: service.url, body, signal: client.signal }).catch(() => undefined);
      onTestFinished(() => client.abort());
      await expect.poll(() => processesWith(...marker)).not.toEqual([]);
      client.abort();
      await gone;
      await expect.poll(() => processesWith(...marker)).toEqual([]);
      await expect.poll(() => filesWith(token, '/dev/shm')).toEqual([]);
      expect(filesWith(token, service.engineFolder)).toEqual([]);
    });

    test('of bytes that are no text', async () => {
      const store = Buffer.from([0, 255, 10, 13, 128, 0, 1, 2, 3]);
      const steps = `RUN ${mount('store')} busybox sha256sum /run/secrets/store\n`;
      const result = await resultOf((await build({ steps, secrets: { store } })).answer);
      if (name === 'buildkit') expect(result.log?.join('\n')).toContain(sha256(store));
      else expect(result).toMatchObject({ status: 'failed', code: 'secrets_unsupported' });
    });

    test('that the request does not hold are missing', async () => {
      const steps = `RUN ${mount('other', ',required=true')} true\n`;
      const result = await resultOf((await build({ steps })).answer);
      expect(result).toMatchObject({ status: 'failed', code: 'build_failed' });
    });
  });
});
