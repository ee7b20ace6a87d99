import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { startRegistry, temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { build, buildRequest, busyboxBase, flush, output } from '../testing/build-request.js';
import { engineNames, isTested, type OpenedEngine, openEngine } from '../testing/engines.js';
import { inRegistry } from '../testing/registry-content.js';

const second = 1_000_000_000;

describe.each(engineNames)('%s', (name) => {
  describe.runIf(isTested(name))('an image keeps what its Dockerfile says:', () => {
    let folder: Awaited<ReturnType<typeof temporaryFolder>>;
    let registry: Awaited<ReturnType<typeof startRegistry>>;
    let opened: OpenedEngine;
    beforeAll(async () => {
      folder = await temporaryFolder();
      registry = await startRegistry({ dir: join(folder.path, 'registry') });
      const dir = join(folder.path, 'engine');
      opened = await openEngine({ name, dir, insecureRegistries: [registry.host] });
    });
    afterAll(async () => {
      await opened?.close();
      await registry?.stop();
      await folder?.remove();
    });

    const pushed = async (dockerfile: string) => {
      const what = await buildRequest({
        folder: folder.path,
        registry: registry.host,
        files: { Dockerfile: dockerfile },
      });
      const { digest, log } = await build(opened.engine, what);
      return { image: what.image, digest, lines: output(log) };
    };
    const configOf = async (image: string) => (await inRegistry(image)).config?.config;

    test('every instruction that is for the runtime', async () => {
      const { image, digest } =
        await pushed(`${busyboxBase}HEALTHCHECK --interval=3s --timeout=5s --retries=4 CMD [ -e /tmp/.lock ] || exit 1
STOPSIGNAL SIGINT
SHELL ["/bin/sh", "-e", "-c"]
ONBUILD RUN echo triggered
USER 1000:1001
WORKDIR /work
VOLUME /data
EXPOSE 8080 53/udp
LABEL org.example.name="a b" other=1
ENV A="1 2"
ENTRYPOINT ["/bin/sh"]
CMD ["-c", "true"]
`);
      expect((await inRegistry(image)).digest).toBe(digest);
      expect(await configOf(image)).toMatchObject({
        Healthcheck: {
          Test: ['CMD-SHELL', '[ -e /tmp/.lock ] || exit 1'],
          Interval: 3 * second,
          Timeout: 5 * second,
          Retries: 4,
        },
        StopSignal: 'SIGINT',
        Shell: ['/bin/sh', '-e', '-c'],
        OnBuild: ['RUN echo triggered'],
        User: '1000:1001',
        WorkingDir: '/work',
        Volumes: { '/data': {} },
        ExposedPorts: { '8080/tcp': {}, '53/udp': {} },
        Labels: { 'org.example.name': 'a b', other: '1' },
        Env: expect.arrayContaining(['A=1 2']),
        Entrypoint: ['/bin/sh'],
        Cmd: ['-c', 'true'],
      });
    });

    test.each([
      ['HEALTHCHECK NONE', { Test: ['NONE'] }],
      ['HEALTHCHECK CMD ["/bin/true", "x"]', { Test: ['CMD', '/bin/true', 'x'] }],
      [
        'healthcheck --start-period=2s \\\n cmd true',
        { Test: ['CMD-SHELL', 'true'], StartPeriod: 2 * second },
      ],
    ])('%s', async (instruction, expected) => {
      const { image } = await pushed(`${busyboxBase}${instruction}\n`);
      expect((await configOf(image))?.Healthcheck).toMatchObject(expected);
    });

    test('what a base says reaches the image on top: its health check, shell, user and triggers', async () => {
      const mark = randomBytes(4).toString('hex');
      const base = await pushed(`${busyboxBase}RUN busybox mkdir /made && busybox chmod 777 /made
HEALTHCHECK CMD true
SHELL ["/bin/sh", "-o", "pipefail", "-c"]
ONBUILD COPY Dockerfile /made/given
ONBUILD RUN echo triggered-${mark}${flush}
USER 1000
`);
      const failing = 'busybox false | busybox cat';
      const onTop = await pushed(
        `FROM ${base.image}\nRUN ${failing} && echo passed || echo "failed as $(busybox id -u)"${flush}\nRUN busybox test -f /made/given\n`,
      );
      expect(onTop.lines).toContain(`triggered-${mark}`);
      expect(onTop.lines).toContain('failed as 1000');
      const config = await configOf(onTop.image);
      expect(config).toMatchObject({
        Healthcheck: { Test: ['CMD-SHELL', 'true'] },
        Shell: ['/bin/sh', '-o', 'pipefail', '-c'],
        User: '1000',
      });
      expect(config?.OnBuild ?? []).toEqual([]);
    });

    test('the last of several, of the last stage alone', async () => {
      const { image } = await pushed(`${busyboxBase.replace('scratch', 'scratch AS first')}HEALTHCHECK CMD one
STOPSIGNAL 9
FROM scratch
COPY busybox /bin/sh
HEALTHCHECK CMD two
HEALTHCHECK CMD three
CMD one
CMD ["two"]
`);
      const config = await configOf(image);
      expect(config).toMatchObject({ Healthcheck: { Test: ['CMD-SHELL', 'three'] }, Cmd: ['two'] });
      expect(config?.StopSignal ?? '').toBe('');
    });
  });
});
