import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Built, Door, IsolationArena } from './arena.js';
import { startGit } from './git.js';

/** The findings of an attack. All must be 0. */
export interface Findings {
  /** Data of one tenant that another tenant found. */
  readonly leaks: number;
  /** Content that one tenant made and that is in an image of another tenant. */
  readonly poisoned: number;
  /** Content that an earlier build of the same tenant made from other files and that is in a later image. */
  readonly stale: number;
  /** Builds that failed to set up the attack, so that the attack proves nothing. */
  readonly unproved: number;
}

export interface Attack {
  readonly name: string;
  run(options: { readonly arena: IsolationArena; readonly door: Door }): Promise<Partial<Findings>>;
}

const unique = (what: string) => `${what}-${randomBytes(8).toString('hex')}`;
const count = (...found: readonly boolean[]) => found.filter(Boolean).length;
const lacks = (built: Built, text: string) => !built.text.includes(text);
const holds = (built: Built, text: string) => built.text.includes(text);

const secretLayer: Attack = {
  name: 'secret-layer',
  async run({ arena, door }) {
    const [victim, attacker] = [await arena.tenant(), await arena.tenant()];
    const token = unique('token');
    const steps =
      'RUN --mount=type=secret,id=token busybox cat /run/secrets/token > /kept || echo none > /kept\n';
    const own = await arena.build({ tenant: victim, steps, secrets: { token }, door });
    const without = await arena.build({ tenant: attacker, steps, door });
    const asOperator = await arena.build({ tenant: arena.operator, steps, door });
    return {
      leaks: count(holds(without, token), holds(asOperator, token)),
      unproved: count(lacks(own, token), lacks(without, 'none'), lacks(asOperator, 'none')),
    };
  },
};

const chosenHostname: Attack = {
  name: 'chosen-hostname',
  async run({ arena, door }) {
    const [victim, attacker] = [await arena.tenant(), await arena.tenant()];
    const known = await arena.build({ tenant: victim, steps: 'RUN echo host $(busybox hostname) > /host\n' });
    const [, hostname = ''] = /host ([0-9a-f]{32})/.exec(known.text) ?? [];
    const token = unique('token');
    const steps = `RUN --mount=type=secret,id=token --mount=type=cache,id=${unique('kept')},target=/kept busybox cat /kept/token /run/secrets/token > /found; busybox cp /run/secrets/token /kept/token || true\n`;
    const own = await arena.build({ tenant: victim, steps, secrets: { token } });
    const args = {
      BUILDKIT_SANDBOX_HOSTNAME: hostname,
      BUILDKIT_CACHE_MOUNT_NS: victim.name,
      buildkit_sandbox_hostname: hostname,
      Buildkit_Cache_Mount_Ns: victim.name,
    };
    const chosen = await arena.build({ tenant: attacker, steps, args, door });
    return {
      leaks: count(holds(chosen, token)),
      unproved: count(hostname === '', lacks(own, token), chosen.code !== undefined),
    };
  },
};

const cacheMount: Attack = {
  name: 'cache-mount',
  async run({ arena, door }) {
    const [victim, attacker] = [await arena.tenant(), await arena.tenant()];
    const [good, evil] = [unique('good'), unique('evil')];
    const mount = `--mount=type=cache,id=${unique('deps')},target=/deps`;
    const fill = (text: string) => `RUN ${mount} echo ${text} > /deps/library\n`;
    const use = `RUN ${mount} busybox cp /deps/library /library\n`;
    await arena.build({ tenant: attacker, steps: fill(evil) });
    await arena.build({ tenant: victim, steps: fill(good) });
    const bait = await arena.build({ tenant: attacker, steps: use, door });
    const image = await arena.build({ tenant: victim, steps: use, door });
    return {
      leaks: count(holds(bait, good)),
      poisoned: count(holds(image, evil)),
      unproved: count(lacks(bait, evil), lacks(image, good)),
    };
  },
};

/** Names of cache mounts that would collide with another tenant's if a namespace were only a prefix. */
const otherNamespace: Attack = {
  name: 'other-namespace',
  async run({ arena, door }) {
    const [victim, attacker] = [await arena.tenant(), await arena.tenant()];
    const [id, good] = [unique('deps'), unique('good')];
    const own = `RUN --mount=type=cache,id=${id},target=/deps echo ${good} > /deps/library; busybox cp /deps/library /library\n`;
    const filled = await arena.build({ tenant: victim, steps: own });
    const names = [`${victim.name}/${id}`, `../${victim.name}/${id}`, `/${victim.name}/${id}`];
    const look = names
      .map(
        (name, at) =>
          `RUN --mount=type=cache,id=${name},target=/deps busybox cat /deps/library > /found${at} || echo nothing > /found${at}\n`,
      )
      .join('');
    const outsiders = [
      await arena.build({ tenant: attacker, steps: look, door }),
      await arena.build({ tenant: arena.operator, steps: look, door }),
    ];
    return {
      leaks: count(...outsiders.map((image) => holds(image, good))),
      unproved: count(lacks(filled, good), ...outsiders.map((image) => lacks(image, 'nothing'))),
    };
  },
};

const proxy: Attack = {
  name: 'proxy',
  async run({ arena, door }) {
    const allowed = { proxy_arguments: true };
    const [victim, attacker, refused] = [
      await arena.tenant(),
      await arena.tenant(allowed),
      await arena.tenant(),
    ];
    const [good, evil] = [unique('good'), unique('evil')];
    const [origin, evilProxy] = [await answering(good), await answering(evil)];
    try {
      const steps = `RUN busybox wget -q -O /answer ${origin.url}/library\n`;
      const args = { http_proxy: evilProxy.url };
      const bait = await arena.build({ tenant: attacker, steps, args, door });
      const image = await arena.build({ tenant: victim, steps, door });
      const operator = await arena.build({ tenant: arena.operator, steps, door });
      const codes = [];
      for (const name of ['HTTP_PROXY', 'https_proxy', 'Ftp_Proxy', 'no_proxy', 'ALL_PROXY']) {
        codes.push(
          (await arena.build({ tenant: refused, steps, args: { [name]: evilProxy.url }, door })).code,
        );
      }
      return {
        poisoned: count(
          holds(image, evil),
          holds(operator, evil),
          ...codes.map((code) => !isRefused(code, 'argument')),
        ),
        unproved: count(lacks(bait, evil), lacks(image, good), lacks(operator, good)),
      };
    } finally {
      origin.stop();
      evilProxy.stop();
    }
  },
};

const fetchSecrets: Attack = {
  name: 'fetch-secrets',
  async run({ arena, door }) {
    const victim = await arena.tenant();
    const steps = 'RUN true\n';
    const codes: boolean[] = [];
    for (const name of ['GIT_AUTH_TOKEN', 'GIT_AUTH_HEADER.git.example', 'HTTP_AUTH_TOKEN_files.example']) {
      const secret = await arena.build({ tenant: victim, steps, secrets: { [name]: 'x' }, door });
      const argument = await arena.build({ tenant: victim, steps, args: { [name]: 'x' }, door });
      codes.push(isRefused(secret.code, 'secret'), isRefused(argument.code, 'argument'));
    }
    return { leaks: count(...codes.map((refused) => !refused)) };
  },
};

/** Files with the same names, sizes and times, which BuildKit compares to detect changes. */
const contexts: Attack = {
  name: 'contexts',
  async run({ arena, door }) {
    const [victim, attacker] = [await arena.tenant(), await arena.tenant()];
    const texts = [unique('first'), unique('other'), unique('third')] as const;
    const steps =
      'COPY app.txt /app.txt\nRUN --mount=type=bind,source=app.txt,target=/bound busybox cp /bound /copied\n';
    const build = (tenant: typeof victim, text: string) =>
      arena.build({ tenant, steps, files: { 'app.txt': text }, door });
    const [bait, image] = await Promise.all([build(attacker, texts[0]), build(victim, texts[1])]);
    const changed = await build(victim, texts[2]);
    return {
      leaks: count(holds(bait, texts[1])),
      poisoned: count(holds(image, texts[0]), holds(changed, texts[0])),
      stale: count(holds(changed, texts[1])),
      unproved: count(lacks(bait, texts[0]), lacks(image, texts[1]), lacks(changed, texts[2])),
    };
  },
};

/**
 * BuildKit caches git sources by the commit alone. One tenant fetches a repository with credentials in the URL, or keeps `.git`, whose
 * settings name the repository; another tenant then names the same commit of another repository.
 */
const gitSources: Attack = {
  name: 'git-sources',
  async run({ arena, door }) {
    const [victim, attacker] = [await arena.tenant(), await arena.tenant()];
    const shared = unique('shared');
    const [hidden, evil, good] = [
      await startGit(unique('hidden')),
      await startGit(shared),
      await startGit(shared),
    ];
    try {
      const add = ({ host, path, commit }: typeof evil, more = '', user = '') =>
        `ADD ${more} git://${user}${host}${path}#${commit} /source\n`;
      const withPassword = await arena.build({
        tenant: victim,
        steps: add(hidden, '', 'user:password@'),
        door,
      });
      await hidden.stop();
      const stolen = await arena.build({ tenant: attacker, steps: add(hidden), door });
      const keep = '--keep-git-dir=true';
      const bait = await arena.build({ tenant: attacker, steps: add(evil, keep), door });
      const own = await arena.build({ tenant: arena.operator, steps: add(good, keep), door });
      const plain = await arena.build({ tenant: attacker, steps: add(good), door });
      return {
        leaks: count(holds(stolen, hidden.content)),
        poisoned: count(holds(own, evil.host)),
        unproved: count(
          ...[withPassword, bait].map(({ code }) => code !== 'source_not_allowed'),
          ...[lacks(own, good.host), lacks(plain, good.content), good.commit !== evil.commit],
        ),
      };
    } finally {
      await Promise.all([hidden, evil, good].map((server) => server.stop()));
    }
  },
};

/** Attacks for every path between tenants on one BuildKit daemon. */
export const attacks: readonly Attack[] = [
  secretLayer,
  chosenHostname,
  cacheMount,
  otherNamespace,
  proxy,
  fetchSecrets,
  contexts,
  gitSources,
];

/** Attacks in which a later build of `default` looks for data of an earlier one on buildah, which builds for `default` alone. */
export const operatorAttacks: readonly Attack[] = [
  {
    name: 'stale-mounts',
    async run({ arena, door }) {
      const { operator: tenant } = arena;
      const [first, second, token] = [unique('first'), unique('other'), unique('token')];
      const steps =
        'COPY app.txt /app.txt\nRUN --mount=type=bind,source=app.txt,target=/bound busybox cp /bound /copied\n' +
        'RUN --mount=type=secret,id=token busybox cat /run/secrets/token > /kept || echo none > /kept\n';
      const before = await arena.build({
        tenant,
        steps,
        files: { 'app.txt': first },
        secrets: { token },
        door,
      });
      const after = await arena.build({ tenant, steps, files: { 'app.txt': second }, door });
      return {
        stale: count(holds(after, first)),
        leaks: count(holds(after, token)),
        unproved: count(
          lacks(before, first),
          lacks(before, token),
          lacks(after, second),
          lacks(after, 'none'),
        ),
      };
    },
  },
];

/** A batch names the refused fields, with a code for the whole. */
const isRefused = (code: string | undefined, what: 'argument' | 'secret') =>
  code === `build_${what}_not_allowed` || code === 'batch_invalid';

/** A web server of this machine that answers every request with one text, also as a proxy. */
async function answering(text: string) {
  const server = createServer((_request, response) => response.end(text));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
