import { hash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { findTool } from '@slipway/local';
import { cacheNamespaceArg, defaultTenantName, sandboxHostnameArg } from '@slipway/shared/contracts';
import { generateKeyPair, SecretBytes, sealSecrets } from '@slipway/shared/sealing';
import { expect } from 'vitest';
import { busyboxBase } from './build-request.js';
import { servicesOn } from './engine-service.js';
import type { EngineName } from './engines.js';
import { payloadOf } from './payload.js';
import { postBuild, resultOf } from './post-build.js';
import { objectsOf } from './registry-content.js';

interface TenantBuild {
  readonly tenant: string;
  /** Dockerfile lines after the base. Equal for both tenants, so that one could find layers of the other. */
  readonly steps: string;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly args?: Readonly<Record<string, string>>;
}

interface TenantImage {
  readonly log: string;
  /** The steps that the engine took from its cache, by their instruction. */
  readonly hits: readonly string[];
  /** The text of all layers but the base, and of the image's configuration. */
  readonly content: string;
}

export interface TenantBuilds {
  build(build: TenantBuild): Promise<TenantImage>;
  /** Builds what must fail. Returns the code and the message of the failure. */
  failure(
    build: TenantBuild,
  ): Promise<{ readonly code: string | undefined; readonly error: string | undefined }>;
  stop(): Promise<void>;
}

/** The base is one large layer, which says nothing here. */
const maxLayerBytes = 64 * 1024;

/** Returns the build arguments that the worker adds for a tenant. The worker takes a keyed hash for the host name. */
const tenantArguments = (tenant: string) => ({
  ...(tenant !== defaultTenantName && { [cacheNamespaceArg]: tenant }),
  [sandboxHostnameArg]: hash('sha256', tenant).slice(0, 32),
});

/** A service on one engine, which several tenants build on. */
export async function startTenantBuilds(name: EngineName): Promise<TenantBuilds> {
  const pair = generateKeyPair();
  const services = await servicesOn(name);
  const service = await services.start({ BUILD_SECRETS_PRIVATE_KEY: pair.privateKey.reveal() });
  const send = async ({ tenant, steps, secrets, args = {} }: TenantBuild) => {
    const image = `${services.registry}/tenants-${randomBytes(6).toString('hex')}:1`;
    const values = Object.entries(secrets ?? {}).map(
      ([id, value]) => [id, new SecretBytes(Buffer.from(value))] as const,
    );
    const sealed = sealSecrets({ publicKey: pair.publicKey, secrets: new Map(values) });
    const body = payloadOf({
      image,
      config: { buildArgs: { ...args, ...tenantArguments(tenant) } },
      files: { Dockerfile: `${busyboxBase}${steps}`, busybox: readFileSync(findTool('busybox') ?? '') },
      entries: secrets ? [{ path: 'com.openfaas.secrets', content: sealed }] : [],
    });
    return { image, result: await resultOf(await postBuild({ url: service.url, body })) };
  };
  return {
    async build(wanted) {
      const { image, result } = await send(wanted);
      expect(result, result.log?.join('\n')).toMatchObject({ status: 'success' });
      const log = result.log ?? [];
      const objects = await objectsOf(image);
      return {
        log: log.join('\n'),
        hits: log.flatMap((line) => /CACHED \[[^\]]*\] (\w+)/.exec(line)?.[1] ?? []),
        content: objects
          .filter(({ content }) => content.length < maxLayerBytes)
          .map(({ content }) => content.toString('latin1').replaceAll('\0', ''))
          .join('\n'),
      };
    },
    async failure(wanted) {
      const { result } = await send(wanted);
      expect(result.status).toBe('failed');
      return { code: result.code, error: result.error };
    },
    stop: () => services.stop(),
  };
}
