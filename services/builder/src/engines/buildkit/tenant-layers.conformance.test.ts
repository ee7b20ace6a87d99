import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { isTested } from '../../testing/engines.js';
import { startTenantBuilds, type TenantBuilds } from '../../testing/tenant-builds.js';

const unique = (text: string) => `${text} ${randomBytes(8).toString('hex')}`;

/** A web server of this machine that answers all that it is asked with one text, also as a proxy. */
async function answering(text: string): Promise<string> {
  const server = createServer((_request, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The Dockerfiles of both tenants are the same: BuildKit leaves what differs out of the cache key of a step. */
describe.runIf(isTested('buildkit'))('a tenant gets no layer of another tenant', () => {
  let builds: TenantBuilds;
  beforeAll(async () => {
    builds = await startTenantBuilds('buildkit');
  });
  afterAll(() => builds?.stop());

  test('that was made with a secret', async () => {
    const steps = 'RUN --mount=type=secret,id=token busybox cat /run/secrets/token > /kept || true\n';
    const [first, second] = [unique('value'), unique('value')];
    const made = await builds.build({ tenant: 'one', steps, secrets: { token: first } });
    expect(made.content).toContain(first);
    expect((await builds.build({ tenant: 'two', steps })).content).not.toContain(first);
    const third = await builds.build({ tenant: 'three', steps, secrets: { token: second } });
    expect(third.content).toContain(second);
    expect(third.content).not.toContain(first);
  });

  test.each(['id=deps,', 'id=deps,sharing=private,', ''])(
    'that was made from a cache mount with %j',
    async (options) => {
      const target = `/deps-${options.length}`;
      const mount = `--mount=type=cache,${options}target=${target}`;
      const fill = (text: string) => `RUN ${mount} echo ${text} > ${target}/library\n`;
      const use = `RUN ${mount} busybox cp ${target}/library /library\n`;
      await builds.build({ tenant: 'one', steps: fill('evil of one') });
      await builds.build({ tenant: 'two', steps: fill('good of two') });
      expect((await builds.build({ tenant: 'one', steps: use })).content).toContain('evil of one');
      const { content } = await builds.build({ tenant: 'two', steps: use });
      expect(content).toContain('good of two');
      expect(content).not.toContain('evil of one');
    },
  );

  test.each(['http_proxy', 'HTTP_PROXY', 'Http_Proxy'])(
    'that was made through a proxy of %s',
    async (proxy) => {
      const origin = await answering('good answer');
      const evil = await answering('evil answer');
      const steps = `RUN busybox wget -q -O /answer ${origin}/library\n`;
      const poisoned = await builds.build({ tenant: 'one', steps, args: { [proxy]: evil } });
      expect(poisoned.content).toContain('evil answer');
      const { content } = await builds.build({ tenant: 'two', steps });
      expect(content).toContain('good answer');
      expect(content).not.toContain('evil answer');
    },
  );

  test('but its own again; what COPY and FROM make is shared', async () => {
    const steps = 'RUN echo same > /same\nCOPY Dockerfile /copied\n';
    await builds.build({ tenant: 'one', steps });
    expect((await builds.build({ tenant: 'one', steps })).hits).toContain('RUN');
    const other = (await builds.build({ tenant: 'two', steps })).hits;
    expect(other).toContain('COPY');
    expect(other).not.toContain('RUN');
  });
});
