import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, buildRequest, busyboxBase, flush, output } from '../testing/build-request.js';
import { engineNames, isTested, openEngine, toolEnv } from '../testing/engines.js';
import { type Registries, registryPassword, registryUser, startRegistries } from '../testing/registries.js';
import { inRegistry } from '../testing/registry-content.js';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let registries: Registries;
beforeAll(async () => {
  folder = await temporaryFolder();
  registries = await startRegistries(folder.path);
});
afterAll(async () => {
  await registries?.stop();
  await folder?.remove();
});

/** Like that of ECR in a pod: without the file of its token it has no credentials. It writes down its environment. */
const helper = (seen: string) => `#!/bin/sh
env > ${seen}
[ -n "$AWS_WEB_IDENTITY_TOKEN_FILE" ] || { echo no token; exit 1; }
[ "$1" = get ] && printf '{"ServerURL":"","Username":"${registryUser}","Secret":"${registryPassword}"}'
`;

const childEnv = {
  AWS_WEB_IDENTITY_TOKEN_FILE: "/var/run/it's a token",
  AWS_SECRET_ACCESS_KEY: 'aws-secret-key',
  VAULT_ADDR: 'vault-address',
  OTHER: 'other-value',
  PAYLOAD_SECRET: 'payload-secret-value',
};

describe.each(engineNames)('%s', (name) => {
  test.runIf(isTested(name))('helpers get the environment of the clouds; steps do not', async () => {
    const dir = join(folder.path, name);
    const seen = join(dir, 'seen');
    const bin = join(dir, 'bin');
    const dockerConfig = join(dir, 'config');
    await mkdir(bin, { recursive: true });
    await mkdir(dockerConfig);
    await writeFile(join(bin, 'docker-credential-pod'), helper(seen), { mode: 0o755 });
    const credHelpers = { [registries.locked]: 'pod' };
    await writeFile(join(dockerConfig, 'config.json'), JSON.stringify({ credHelpers }));
    const opened = await openEngine({
      ...{ name, dir: join(dir, 'engine'), insecureRegistries: registries.insecure, dockerConfig },
      childEnv: { ...toolEnv(), ...childEnv, PATH: `${bin}:${toolEnv().PATH}` },
      credentialHelperEnv: ['VAULT_*'],
    });
    try {
      // A base image that needs the helper, then a step that looks at all that it can see.
      const base = await buildRequest({
        ...{
          folder: folder.path,
          registry: registries.locked,
          image: `${registries.locked}/${name}-base:1`,
        },
        files: { Dockerfile: busyboxBase },
      });
      await build(opened.engine, base);
      const look =
        'busybox env; busybox cat /proc/[0-9]*/environ | busybox tr "\\0" "\\n"; busybox env > /env';
      const what = await buildRequest({
        ...{ folder: folder.path, registry: registries.locked, image: `${registries.locked}/${name}:1` },
        files: { Dockerfile: `FROM ${base.image}\nRUN ${look}${flush}\n` },
      });
      const { digest, log } = await build(opened.engine, what);
      const authorization = `Basic ${Buffer.from(`${registryUser}:${registryPassword}`).toString('base64')}`;
      expect((await inRegistry(what.image, { authorization })).digest).toBe(digest);
      const environment = await readFile(seen, 'utf8');
      expect(environment).toContain("AWS_WEB_IDENTITY_TOKEN_FILE=/var/run/it's a token\n");
      expect(environment).toContain('VAULT_ADDR=vault-address\n');
      expect(environment).not.toMatch(/other-value|payload-secret-value/);
      expect(output(log).join('\n')).toContain('PATH=');
      expect(log.join('\n')).not.toMatch(/aws-secret-key|it's a token|vault-address|helpers|payload-secret/);
    } finally {
      await opened.close();
    }
  });
});
