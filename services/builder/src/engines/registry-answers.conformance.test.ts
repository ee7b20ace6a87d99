import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type RegistryHandle, startRegistry, temporaryFolder } from '@slipway/local';
import {
  type AnsweringRegistry,
  type RegistryAnswer,
  registryAnswers,
  startAnsweringRegistry,
} from '@slipway/shared/failures/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildRequest, failure } from '../testing/build-request.js';
import { engineNames, isTested, type OpenedEngine, openEngine, toolEnv } from '../testing/engines.js';
import { startSelfSignedRegistry } from '../testing/self-signed-registry.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let upstream: RegistryHandle;
let registry: AnsweringRegistry;
let selfSigned: { readonly host: string; stop(): Promise<void> };
const wantsLogin = registryAnswers.find(({ headers }) =>
  headers?.['WWW-Authenticate']?.startsWith('Basic'),
) as RegistryAnswer;
/** An image of one file, so that each test has blobs of its own. */
const onlyFile = (file: string) => ({ Dockerfile: 'FROM scratch\nCOPY file /\n', file });
beforeAll(async () => {
  folder = await temporaryFolder();
  upstream = await startRegistry({ dir: join(folder.path, 'registry') });
  registry = await startAnsweringRegistry({ upstream: upstream.host });
  selfSigned = await startSelfSignedRegistry(folder.path);
});
afterAll(async () => {
  await selfSigned?.stop();
  await registry?.stop();
  await upstream?.stop();
  await folder?.remove();
});

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('names the reason of a refused push:', () => {
    let opened: OpenedEngine;
    beforeAll(async () => {
      const insecureRegistries = [registry.host];
      opened = await openEngine({ name, dir: join(folder.path, name), insecureRegistries });
    });
    afterAll(() => opened?.close());

    test.each(registryAnswers)('$from: $code', async (answer) => {
      const image = `${registry.host}/${registry.repository(answer)}:1`;
      const files = onlyFile(answer.from);
      const what = await buildRequest({ folder: folder.path, registry: registry.host, files, image });
      const { code, message } = await failure(opened.engine, what);
      expect({ code, message }).toEqual({ code: answer.code, message: expect.any(String) });
    });

    test('a certificate that is not trusted', async () => {
      const what = await buildRequest({
        folder: folder.path,
        registry: selfSigned.host,
        files: onlyFile('tls'),
      });
      expect(await failure(opened.engine, what)).toMatchObject({ code: 'registry_untrusted' });
    });

    test.each([
      ['no JSON', '{"auths": {', 'is not valid JSON'],
      ['a wrong shape', '{"auths": "secret-text"}', 'auths'],
      [
        'a login that is not base64',
        '{"auths": {"r.example": {"auth": "secret-text"}}}',
        'auths.r.example.auth',
      ],
    ])('a config.json with %s', async (what, text, words) => {
      const { code, message } = await withConfig(what, text);
      expect({ code, message }).toEqual({
        code: 'registry_config_invalid',
        message: expect.stringContaining(words),
      });
      expect(message).not.toContain('secret-text');
    });

    test.each([
      ['is missing', undefined],
      ['fails', '#!/bin/sh\necho no role for this pod\nexit 1\n'],
      ['prints no credentials', '#!/bin/sh\necho hello\n'],
    ])('a credential helper that %s', async (what, script) => {
      const helper = `slipway-${name}-${what.replaceAll(' ', '-')}`;
      if (script !== undefined) {
        await writeFile(join(folder.path, `docker-credential-${helper}`), script, { mode: 0o755 });
      }
      const credHelpers = { [registry.host]: helper };
      const { code, message } = await withConfig(helper, JSON.stringify({ credHelpers }));
      expect({ code, message }).toEqual({ code: 'credential_helper_failed', message: expect.any(String) });
    });

    async function withConfig(id: string, text: string) {
      const dockerConfig = join(folder.path, `${name}-config-${id.replaceAll(' ', '-')}`);
      await mkdir(dockerConfig);
      await writeFile(join(dockerConfig, 'config.json'), text);
      const engine = await opened.reopen({
        dockerConfig,
        childEnv: { PATH: `${folder.path}:${toolEnv().PATH}` },
      });
      // BuildKit asks for credentials only when the registry does.
      const image = `${registry.host}/${registry.repository(wantsLogin)}:1`;
      return failure(
        engine,
        await buildRequest({ folder: folder.path, registry: registry.host, files: onlyFile(id), image }),
      );
    }
  });
});
