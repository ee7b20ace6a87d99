import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { createAuthority, freePort, temporaryFolder } from '@slipway/local';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '../monitoring/prometheus.js';
import { bytes, type ComposeModel, type ComposeService, canUseCompose, readCompose, root } from './model.js';
import { imageEnvironment, readSettings } from './settings.js';

const folder = await temporaryFolder();
afterAll(() => folder.remove());

describe.runIf(canUseCompose)('docker-compose.yml', () => {
  let model: ComposeModel;
  const service = (name: string): ComposeService => {
    const found = model.services[name];
    if (found === undefined) throw new Error(`there is no service ${name}`);
    return found;
  };
  const named = (pattern: RegExp) => Object.keys(model.services).filter((name) => pattern.test(name));

  beforeAll(async () => {
    model = await readCompose(join(root, 'docker-compose.yml'));
  });

  test('fits the schema of the Compose Specification, which rejects an invalid file', async () => {
    expect(Object.keys(model.services)).toHaveLength(12);
    const text = await readFile(join(root, 'docker-compose.yml'), 'utf8');
    const wrong = join(folder.path, 'wrong.yml');
    await writeFile(wrong, text.replace('  read_only: true', '  read_onyl: true'));
    await expect(readCompose(wrong)).rejects.toThrow('read_onyl');
  });

  test('uses every definition', () => {
    const services = Object.values(model.services);
    const used = {
      networks: services.flatMap(({ networks }) => Object.keys(networks)),
      volumes: services.flatMap(({ volumes = [] }) => volumes.map(({ source }) => source)),
      secrets: services.flatMap(({ secrets = [] }) => secrets.map(({ source }) => source)),
      configs: services.flatMap(({ configs = [] }) => configs.map(({ source }) => source)),
    };
    for (const kind of ['networks', 'volumes', 'secrets', 'configs'] as const)
      expect([...new Set(used[kind])].toSorted()).toEqual(Object.keys(model[kind]).toSorted());
  });

  test('names only defined parts', () => {
    for (const { depends_on, networks, volumes, secrets, configs } of Object.values(model.services)) {
      expect(Object.keys(model.services)).toEqual(expect.arrayContaining(Object.keys(depends_on ?? {})));
      expect(Object.keys(model.networks)).toEqual(expect.arrayContaining(Object.keys(networks)));
      for (const { type, source } of volumes ?? []) {
        expect(type).toBe('volume');
        expect(Object.keys(model.volumes)).toContain(source);
      }
      for (const { source } of secrets ?? []) expect(Object.keys(model.secrets)).toContain(source);
      for (const { source } of configs ?? []) expect(Object.keys(model.configs)).toContain(source);
    }
    for (const { file } of Object.values(model.configs)) expect(existsSync(file ?? '')).toBe(true);
  });

  test('every service has a health check, restarts, bounds its logs, and waits for no other service', () => {
    for (const [name, { healthcheck, restart, depends_on, logging }] of Object.entries(model.services)) {
      expect(healthcheck?.test.length, name).toBeGreaterThan(1);
      expect(restart, name).toBe('unless-stopped');
      for (const { condition } of Object.values(depends_on ?? {})) expect(condition).toBe('service_started');
      expect(logging, name).toEqual({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } });
    }
  });

  test('the API is replaced after all that may finish builds, and a builder stops before its BuildKit', () => {
    expect(Object.keys(service('api').depends_on ?? {})).toContain('worker');
    const builders = named(/^builder-\d$/);
    expect(Object.keys(service('worker').depends_on ?? {})).toEqual(expect.arrayContaining(builders));
    for (const name of builders)
      expect(service(name).depends_on?.[name.replace('builder', 'buildkit')]?.restart).toBe(true);
  });

  test('stopped workers and builders finish builds of the longest allowed time', async () => {
    const minutes = (name: string) =>
      Number(/^(\d+)m(0s)?$/.exec(service(name).stop_grace_period ?? '')?.[1]) * 60_000;
    const longestBuildMs = 30 * 60_000;
    for (const name of ['worker', ...named(/^builder-\d$/)]) {
      for (const setting of ['BUILD_TIMEOUT_MS', 'SHUTDOWN_GRACE_MS'])
        expect(service(name).environment, name).not.toHaveProperty(setting);
      const least = { PAYLOAD_SECRET: 'x', BLOB_STORE: 'file:///blobs', BUILDERS: 'http://builder:8081' };
      const { shutdownGraceMs = 0 } = await readSettings(name === 'worker' ? name : 'builder', least);
      expect(shutdownGraceMs, name).toBeGreaterThan(longestBuildMs + 10_000);
      expect(minutes(name), name).toBeGreaterThan(shutdownGraceMs);
    }
  });

  test('builders keep builds whose worker is gone, and the environment of Compose can change that', async () => {
    const usual = { DETACHED_BUILD_MS: '60000', BUILD_RESULT_MS: '300000', BUILD_LOG_BYTES: '33554432' };
    for (const name of named(/^builder-\d$/)) expect(service(name).environment, name).toMatchObject(usual);
    const text = await readFile(join(root, 'docker-compose.yml'), 'utf8');
    for (const [name, value] of Object.entries(usual))
      expect(text).toContain(`${name}: \${${name}:-${value}}`);
  });

  test('two workers know three builders', () => {
    expect(service('worker').deploy?.replicas).toBe(2);
    const builders = named(/^builder-\d$/);
    expect(builders).toHaveLength(3);
    const known = service('worker')
      .environment?.BUILDERS?.split(',')
      .map((url) => new URL(url).host);
    expect(known).toEqual(builders.map((name) => `${name}:${8081}`));
  });

  test('each builder has its own BuildKit with its own cache, reachable only by a socket', () => {
    const daemons = named(/^builder-\d$/).map((name) => {
      const builder = service(name);
      const { pathname } = new URL(builder.environment?.BUILDKIT_HOST ?? '');
      const socket = builder.volumes?.find(({ target }) => pathname.startsWith(`${target}/`));
      const users = Object.entries(model.services).filter(([, { volumes }]) =>
        volumes?.some(({ source }) => source === socket?.source),
      );
      expect(users.map(([user]) => user)).toContain(name);
      expect(users).toHaveLength(2);
      const [daemonName = '', daemon] = users.find(([user]) => user !== name) ?? [];
      expect(Object.keys(builder.depends_on ?? {})).toContain(daemonName);
      expect(daemon?.image).toMatch(/^moby\/buildkit:v[\d.]+-rootless$/);
      const listens = daemon?.volumes?.find(({ source }) => source === socket?.source)?.target;
      expect(daemon?.command).toContain(`unix://${listens}/buildkitd.sock`);
      expect(daemon?.command?.join(' ')).not.toContain('tcp://');
      const cache = daemon?.volumes?.find(({ target }) => target === '/home/user/.local/share/buildkit');
      return { daemonName, cache: cache?.source };
    });
    expect(new Set(daemons.map(({ daemonName }) => daemonName)).size).toBe(3);
    expect(new Set(daemons.map(({ cache }) => cache)).size).toBe(3);
    expect(daemons.every(({ cache }) => cache !== undefined)).toBe(true);
  });

  test('build steps can reach the registry, and nothing else of Slipway', () => {
    const onBuild = Object.entries(model.services).filter(([, { networks }]) => 'build' in networks);
    expect(onBuild.map(([name]) => name).sort()).toEqual([
      'buildkit-1',
      'buildkit-2',
      'buildkit-3',
      'registry',
    ]);
    for (const [, { networks }] of onBuild) expect(Object.keys(networks)).toEqual(['build']);
  });

  test('secrets come from files, and every service that reads a secret has its file', () => {
    for (const { file } of Object.values(model.secrets)) expect(file).toContain('/secrets/');
    for (const [name, { environment = {}, secrets = [] }] of Object.entries(model.services)) {
      for (const [variable, value] of Object.entries(environment)) {
        expect(variable, name).not.toMatch(/(?:SECRET|TOKEN|PASSWORD)$/);
        if (!variable.endsWith('_FILE')) continue;
        expect(
          secrets.map(({ target }) => target),
          name,
        ).toContain(value);
      }
    }
    for (const name of ['api', 'worker', ...named(/^builder-\d$/)]) {
      expect(service(name).environment?.PAYLOAD_SECRET_FILE).toBe('/run/secrets/payload-secret');
    }
    for (const name of named(/^builder-\d$/)) {
      const { BUILD_SECRETS_PRIVATE_KEY_FILE: file } = service(name).environment ?? {};
      expect(file).toBe('/run/secrets/build-secrets-key');
    }
    expect(service('api').environment?.API_TOKEN_FILE).toBe('/run/secrets/api-token');
  });

  test.each(['api', 'worker', 'builder'] as const)(
    '%s starts with its settings, and reads all of them',
    async (name) => {
      const secrets = join(folder.path, 'given');
      await promisify(execFile)(process.execPath, [join(root, 'scripts', 'secrets.mjs'), secrets]);
      const ofImage = await imageEnvironment(name);
      const { environment = {} } = service(name === 'builder' ? 'builder-1' : name);
      const given = Object.entries({ ...ofImage, ...environment }).map(([variable, value]) => [
        variable,
        value.replace('/run/secrets', secrets),
      ]);
      // The services read no trace settings while traces are off.
      const env = { ...Object.fromEntries(given), OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
      const { read, problem } = await readSettings(name, env);
      expect(problem).toBeUndefined();
      // Node.js and its C library read these.
      const others = ['NODE_ENV', 'NODE_OPTIONS', 'MALLOC_ARENA_MAX'];
      expect(Object.keys(env).filter((variable) => ![...read, ...others].includes(variable))).toEqual([]);
      const scraped = (await readConfig()).scrape_configs.find(
        ({ job_name }) => job_name === `slipway-${name}`,
      );
      expect(scraped?.dns_sd_configs.map(({ port }) => String(port))).toEqual([ofImage.PORT]);
    },
  );

  test('ports are published on the loopback address alone', () => {
    const ports = Object.values(model.services).flatMap((each) => each.ports ?? []);
    expect(ports.map(({ target }) => target).sort()).toEqual([3000, 5000, 8080]);
    for (const { host_ip } of ports) expect(host_ip).toBe('127.0.0.1');
    expect(new Set(ports.map(({ published }) => published)).size).toBe(ports.length);
  });

  test('Redis keeps acknowledged writes, and never evicts a key', () => {
    const { command = [], volumes } = service('redis');
    const setting = (name: string) => command[command.indexOf(`--${name}`) + 1];
    expect(setting('appendonly')).toBe('yes');
    expect(setting('appendfsync')).toBe('always');
    expect(setting('maxmemory-policy')).toBe('noeviction');
    expect(volumes?.map(({ target }) => target)).toEqual(['/data']);
  });

  test('Redis requires the password, and its user has no administration commands', () => {
    const { command = [], secrets = [] } = service('redis');
    expect(command[command.indexOf('--aclfile') + 1]).toBe('/run/secrets/redis-users');
    expect(secrets.map(({ source }) => source).sort()).toEqual(['redis-password', 'redis-users']);
    for (const name of ['api', 'worker']) {
      expect(service(name).environment).toMatchObject({
        REDIS_URL: 'redis://slipway@redis:6379',
        REDIS_PASSWORD_FILE: '/run/secrets/redis-password',
      });
    }
  });

  test('API and workers share the blob store', () => {
    for (const name of ['api', 'worker']) {
      const { environment, volumes } = service(name);
      const { pathname } = new URL(environment?.BLOB_STORE ?? '');
      expect(volumes).toContainEqual(expect.objectContaining({ source: 'blobs', target: pathname }));
    }
  });

  test('the work folders that the images name are volumes, and none is in the blob store', async () => {
    const text = await readFile(join(root, 'deploy/Dockerfile'), 'utf8');
    const folders = [...text.matchAll(/\b(\w+_DIR)=(\/\S+)/g)].map(([, setting, path]) => ({
      setting,
      path,
    }));
    expect(folders.map(({ setting }) => setting)).toEqual(['GIT_WORK_DIR', 'WORK_DIR']);
    const targets = Object.values(model.services).flatMap(({ volumes = [] }) => volumes);
    for (const { path } of folders) {
      expect(targets).toContainEqual(expect.objectContaining({ target: path }));
      expect(path).not.toMatch(/^\/var\/lib\/slipway\/blobs(\/|$)/);
    }
  });

  test('nothing but the BuildKit daemons has privileges or writes to its root file system', () => {
    for (const [name, each] of Object.entries(model.services)) {
      expect(bytes(each.mem_limit), name).toBeGreaterThanOrEqual(256 * 1024 * 1024);
      expect(each.pids_limit, name).toBeGreaterThan(0);
      if (name.startsWith('buildkit')) continue;
      expect(each, name).toMatchObject({ cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      expect(each.read_only, name).toBe(true);
      expect(each.user, name).toMatch(name === 'registry' ? /^0:0$/ : /^[1-9]\d*:[1-9]\d*$/);
    }
  });

  test('the heaps of our services leave room in their memory, and the API lives in 256 MB', () => {
    expect(bytes(service('api').mem_limit)).toBe(256 * 1024 * 1024);
    for (const name of ['api', 'worker', ...named(/^builder-\d$/)]) {
      const { environment, mem_limit } = service(name);
      const [, heapMb] = environment?.NODE_OPTIONS?.match(/^--max-old-space-size=(\d+)$/) ?? [];
      expect(Number(heapMb) * 2 * 1024 * 1024, name).toBeLessThanOrEqual(bytes(mem_limit));
    }
  });

  test('only API and workers reach Redis, only workers reach builders, and neither has access to the Internet', () => {
    const on = (network: string) =>
      Object.keys(model.services).filter((name) => network in service(name).networks);
    expect(on('queue').sort()).toEqual(['api', 'redis', 'worker']);
    expect(on('builders').sort()).toEqual(['builder-1', 'builder-2', 'builder-3', 'worker']);
    expect(on('edge').sort()).toEqual(['api', 'worker']);
    expect(Object.keys(service('redis').networks)).toEqual(['queue']);
    for (const name of ['queue', 'builders']) expect(model.networks[name]?.internal).toBe(true);
  });

  test('Prometheus and Grafana start only by their profile, and reach metrics and nothing else', async () => {
    for (const [name, { profiles }] of Object.entries(model.services)) {
      expect(profiles, name).toEqual(/^(prometheus|grafana)$/.test(name) ? ['monitoring'] : undefined);
    }
    expect(Object.keys(service('grafana').networks)).toEqual(['monitoring']);
    const networksOf = (name: string) => Object.keys(service(name).networks);
    const own = networksOf('prometheus');
    const { scrape_configs } = await readConfig();
    const scraped = scrape_configs.flatMap(({ dns_sd_configs }) =>
      dns_sd_configs.flatMap(({ names }) => names),
    );
    expect(scraped.toSorted()).toEqual(['api', ...named(/^builder-\d$/), 'worker']);
    for (const name of scraped) {
      // With two networks, a replica would have two addresses and count twice.
      expect(
        networksOf(name).filter((network) => own.includes(network)),
        name,
      ).toHaveLength(1);
    }
    for (const network of ['scrape', 'scrape-builders']) {
      const seen = Object.keys(model.services).filter((name) => networksOf(name).includes(network));
      const allowed = network === 'scrape' ? ['api', 'worker'] : named(/^builder-\d$/);
      expect(seen.toSorted()).toEqual([...allowed, 'prometheus'].toSorted());
      expect(model.networks[network]?.internal).toBe(true);
    }
    const mounted = service('grafana').configs?.filter(({ target }) =>
      target.startsWith('/etc/grafana/dashboards/'),
    );
    const files = await readdir(join(root, 'deploy', 'grafana', 'dashboards'));
    expect(mounted?.map(({ target }) => basename(target)).toSorted()).toEqual(files.toSorted());
  });
});

test('the health check of the images passes only for a server that answers with 200, also with TLS', async () => {
  const { certFile, keyFile } = await (await createAuthority(folder.path)).issue('health');
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  const answer: RequestListener = ({ url }, res) => void res.writeHead(url === '/readyz' ? 503 : 200).end();
  const check = async (port: number, env: object, ...args: string[]) => {
    const script = join(root, 'deploy', 'healthcheck.mjs');
    const options = { env: { ...env, PORT: String(port) } };
    const done = promisify(execFile)(process.execPath, [script, ...args], options);
    return await done.then(
      () => 0,
      ({ code }: { code: number }) => code,
    );
  };
  for (const [server, env] of [
    [createServer(answer), {}],
    [createTlsServer({ cert, key }, answer), { TLS_CERT_FILE: certFile }],
  ] as const) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    expect([await check(port, env), await check(port, env, '/readyz')]).toEqual([0, 1]);
    // HEALTH_PORT takes precedence.
    const own = { ...env, HEALTH_PORT: String(port) };
    expect([await check(1, own), await check(1, own, '/readyz')]).toEqual([0, 1]);
    server.close();
  }
  expect(await check(await freePort(), {})).toBe(1);
});

test('the secrets are written once, behind a folder that only their owner can enter', async () => {
  const script = join(root, 'scripts', 'secrets.mjs');
  const secrets = join(folder.path, 'secrets');
  const run = () => promisify(execFile)(process.execPath, [script, secrets]);
  const read = () =>
    Promise.all(
      [
        'api-token',
        'payload-secret',
        'redis-password',
        'build-secrets-key',
        'redis-users.acl',
        'grafana-password',
      ].map((name) => readFile(join(secrets, name), 'utf8')),
    );
  await run();
  const first = await read();
  const named = (await readFile(join(root, 'docker-compose.yml'), 'utf8')).matchAll(
    /file: \.\/secrets\/(\S+)/g,
  );
  expect([...named].map(([, name]) => name).toSorted()).toEqual((await readdir(secrets)).toSorted());
  for (const value of first.slice(0, 3)) expect(value).toMatch(/^[0-9a-f]{64}\n$/);
  expect(Buffer.from(first[3] ?? '', 'base64')).toHaveLength(32);
  const hash = createHash('sha256')
    .update(first[2]?.trim() ?? '')
    .digest('hex');
  expect(first[4]).toContain('user default off ~{slipway}:* +@write\n');
  expect(first[4]).toContain(`user slipway on #${hash} `);
  expect(first[5]).toMatch(/^[0-9a-f]{64}\n$/);
  expect(new Set(first).size).toBe(6);
  expect((await stat(secrets)).mode & 0o777).toBe(0o700);
  await run();
  expect(await read()).toEqual(first);

  // A file of an older version, with its own prefix and user.
  const users = join(secrets, 'redis-users.acl');
  const older = (first[4] ?? '')
    .replace(' ~{slipway}:* +@write', '')
    .replaceAll('{slipway}', '{mine}')
    .replace(' +acl|getuser', '')
    .concat('user root on >root ~* &* +@all\n');
  await chmod(users, 0o644);
  await writeFile(users, older);
  await run();
  const updated = await readFile(users, 'utf8');
  expect(updated).toContain('user default off ~{mine}:* +@write\n');
  expect(updated).toMatch(/^user slipway .* ~\{mine\}:\* .* \+acl\|getuser$/m);
  expect(updated).toContain('user root on >root ~* &* +@all\n');
  await run();
  expect(await readFile(users, 'utf8')).toBe(updated);
});
