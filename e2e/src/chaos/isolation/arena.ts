import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { Secret } from '@slipway/shared/config';
import type { Job } from '@slipway/shared/contracts';
import { SecretBytes, sealSecrets } from '@slipway/shared/sealing';
import { formatSignature, payloadHmac } from '@slipway/shared/signing';
import { packFiles } from '@slipway/source';
import { makeContext, sh } from '../../context.js';
import type { Stack } from '../../stack.js';
import { waitFor } from '../waiting.js';

/** The way in which a build is submitted to Slipway. */
export type Door = 'job' | 'batch' | 'payload';
export const doors: readonly Door[] = ['job', 'batch', 'payload'];

interface Tenant {
  readonly name: string;
  readonly token: string;
  /** Undefined: one is made for each payload, since an installation keeps only 32. */
  readonly payloadSecret?: Secret;
}

interface Wanted {
  readonly tenant: Tenant;
  /** The instructions of the Dockerfile after the base image. */
  readonly steps: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  /** Default: `job`. */
  readonly door?: Door;
}

export interface Built {
  /** The code of the refusal or of the failed job; undefined after a success. */
  readonly code: string | undefined;
  /** The text that the image holds. Empty when the build made no image. */
  readonly text: string;
}

/** A whole Slipway with one builder, which all tenants share. */
export interface IsolationArena {
  /** A tenant that no other attack uses. */
  tenant(settings?: object): Promise<Tenant>;
  /** The tenant `default`, which `API_TOKEN` and `PAYLOAD_SECRET` belong to. */
  readonly operator: Tenant;
  /** Builds, and waits for the end. Each build has its own image. */
  build(wanted: Wanted): Promise<Built>;
  /** Returns the number of accepted jobs, and the number of accepted jobs that did not end in time. */
  counts(): { readonly accepted: number; readonly lost: number };
}

const patienceMs = 120_000;
const random = (what: string) => `${what}-${randomBytes(6).toString('hex')}`;

/** Pushes the base image, and returns an arena over the stack. */
export async function openArena(stack: Stack): Promise<IsolationArena> {
  const operator: Tenant = {
    name: 'default',
    token: stack.token,
    payloadSecret: new Secret(sh('cat', [`${stack.folder}/secrets/payload-secret`]).toString()),
  };
  const call = async (path: string, { token }: Pick<Tenant, 'token'>, method = 'GET', json?: unknown) => {
    const answer = await stack.call(path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(json !== undefined && { 'content-type': 'application/json' }),
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: each path answers with another shape.
    return { status: answer.status, body: (await answer.json()) as any };
  };
  let accepted = 0;
  let lost = 0;
  const ended = async (id: string, tenant: Tenant): Promise<Job | undefined> => {
    accepted++;
    const until = performance.now() + patienceMs;
    while (performance.now() < until) {
      const { body } = await call(`/v1/jobs/${id}?wait=20`, tenant);
      if (body.finished_at !== undefined) return body;
    }
    lost++;
    return undefined;
  };
  const base = `${stack.registry}/isolation/base:1`;
  const context = makeContext({
    Dockerfile: 'FROM scratch\nCOPY busybox /bin/busybox\nCOPY busybox /bin/sh\n',
  });
  const uploaded = await stack.call('/v1/sources', {
    method: 'POST',
    headers: { 'content-type': 'application/x-tar' },
    body: new Uint8Array(sh('tar', ['-C', context, '-c', '.'])),
  });
  const { digest } = (await uploaded.json()) as { digest: string };
  const made = await call('/v1/jobs', operator, 'POST', { image: base, source: { digest } });
  const job = made.status === 202 ? await ended(made.body.id, operator) : undefined;
  if (job?.state !== 'succeeded')
    throw new Error(`the base image is missing: ${JSON.stringify(job ?? made.body)}`);
  // The API has no key until a worker has asked the builders for theirs.
  const publicKey = await waitFor('a public key', 30_000, async () => {
    const answer = (await (await stack.call('/publickey')).json()) as { readonly public_key?: string };
    return answer.public_key;
  });

  const outcomeOf = async (job: Job | undefined, image: string): Promise<Built> =>
    job?.state === 'succeeded'
      ? { code: undefined, text: await imageText(image) }
      : { code: job?.error?.code ?? 'lost', text: '' };

  const withPayloadSecret = async <T>(
    { name, payloadSecret }: Tenant,
    use: (secret: Secret) => Promise<T>,
  ): Promise<T> => {
    if (payloadSecret) return await use(payloadSecret);
    const path = `/v1/tenants/${name}/payload-secrets`;
    const { body: made } = await call(path, operator, 'POST');
    try {
      return await use(new Secret(made.secret));
    } finally {
      await stack.call(`${path}/${made.id}`, { method: 'DELETE' });
    }
  };

  return {
    operator,
    counts: () => ({ accepted, lost }),
    async tenant(settings = {}) {
      const name = random('tenant');
      await call(`/v1/tenants/${name}`, operator, 'PUT', {
        images: [`${stack.registry}/${name}/`],
        ...settings,
      });
      const token = await call('/v1/tokens', operator, 'POST', {
        ...{ tenant: name, description: 'isolation', scopes: ['jobs:write'] },
      });
      return { name, token: token.body.token };
    },
    async build({ tenant, steps, files = {}, args = {}, secrets, door = 'job' }) {
      const image = `${stack.registry}/${tenant.name}/${random('image')}:1`;
      const context = { ...files, Dockerfile: `FROM ${base}\n${steps}` };
      const values = Object.entries(secrets ?? {}).map(
        ([name, value]) => [name, new SecretBytes(Buffer.from(value))] as const,
      );
      const sealed = secrets && sealSecrets({ publicKey, secrets: new Map(values) }).toString();
      if (door === 'payload') {
        const body = Buffer.concat([
          ...packFiles({
            'com.openfaas.docker.config': JSON.stringify({ image, buildArgs: args }),
            ...(sealed !== undefined && { 'com.openfaas.secrets': sealed }),
            ...Object.fromEntries(Object.entries(context).map(([path, text]) => [`context/${path}`, text])),
          }),
        ]);
        const answer = await withPayloadSecret(tenant, (secret) =>
          fetch(`${stack.url}/build`, {
            method: 'POST',
            body: new Uint8Array(body),
            headers: { 'x-build-signature': formatSignature(payloadHmac(secret).update(body)) },
          }),
        );
        const id = answer.headers.get('x-slipway-job');
        const { code } = (await answer.json()) as { code?: string };
        return id === null
          ? { code: code ?? String(answer.status), text: '' }
          : await outcomeOf(await ended(id, tenant), image);
      }
      const spec = {
        image,
        source: { files: context },
        build_args: args,
        ...(sealed && { secrets: sealed }),
      };
      const submitted =
        door === 'job'
          ? await call('/v1/jobs', tenant, 'POST', spec)
          : await call('/v1/batches', tenant, 'POST', {
              defaults: { build_args: args },
              items: [{ ...spec, build_args: {} }],
            });
      if (submitted.status !== 202) return { code: submitted.body.code, text: '' };
      const id =
        door === 'job'
          ? submitted.body.id
          : (await call(`/v1/batches/${submitted.body.id}/jobs`, tenant)).body.jobs[0].id;
      return await outcomeOf(await ended(id, tenant), image);
    },
  };
}

interface Descriptor {
  readonly digest: string;
}

interface Manifest {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

const accept =
  'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json';
/** The base of all images is one large layer, which is not relevant here. */
const maxLayerBytes = 64 * 1024;

/** The text of an image in a registry: its configuration, and its layers without the base. */
async function imageText(image: string): Promise<string> {
  const [, host, repository, tag] = /^([^/]+)\/(.+):([^:]+)$/.exec(image) ?? [];
  const url = `http://${host}/v2/${repository}`;
  const answer = await fetch(`${url}/manifests/${tag}`, { headers: { accept } });
  if (!answer.ok) throw new Error(`the registry answers ${answer.status} for ${image}`);
  const { config, layers = [] } = (await answer.json()) as Manifest;
  const blobs = await Promise.all(
    [...(config ? [config] : []), ...layers].map(async ({ digest }) => {
      const packed = Buffer.from(await (await fetch(`${url}/blobs/${digest}`)).arrayBuffer());
      return packed[0] === 0x1f && packed[1] === 0x8b ? gunzipSync(packed) : packed;
    }),
  );
  return blobs
    .filter(({ length }) => length < maxLayerBytes)
    .map((blob) => blob.toString('latin1').replaceAll('\0', ''))
    .join('\n');
}
