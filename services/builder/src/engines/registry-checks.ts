import { parseImageReference } from '@slipway/shared/contracts';
import { readDockerConfig } from '@slipway/shared/docker-config';
import { SlipwayError } from '@slipway/shared/errors';
import { allowsPlainHttp } from '@slipway/shared/registry-hosts';
import type { BuildEngine } from './engine.js';
import { registryOf } from './insecure.js';

interface RegistryChecks {
  /** The folder of `config.json`. */
  readonly dockerConfig: string;
  readonly insecureRegistries: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Time limit, in ms, of a request that the registry answers from memory. The check skips slower answers. */
const lookMs = 3_000;

/** Returns the engine with the checks that both engines lack: of the Docker config before a build, of the answer of the registry after a push. */
export function withRegistryChecks(engine: BuildEngine, checks: RegistryChecks): BuildEngine {
  return {
    name: engine.name,
    get reported() {
      return engine.reported;
    },
    loadsFrontends: engine.loadsFrontends,
    warnings: engine.warnings,
    check: () => engine.check(),
    close: () => engine.close(),
    async build(request, run) {
      await readDockerConfig(checks.dockerConfig);
      const outcome = await engine.build(request, run);
      if (request.push && outcome.digest !== undefined)
        for (const image of [request.image, ...request.options.tags])
          await refuseWebPage(image, outcome.digest, checks);
      return outcome;
    },
  };
}

/**
 * Rejects with `push_rejected` when the manifest that was pushed is a web page. A proxy that asks for a sign-in with a 200 looks to the engines
 * like a registry that has every blob already and takes the manifest: they report success, and nothing was stored. Without an answer nothing is known,
 * and the push stands.
 */
async function refuseWebPage(
  image: string,
  digest: string,
  { insecureRegistries, env }: RegistryChecks,
): Promise<void> {
  const path = parseImageReference(image)?.path;
  const registry = registryOf(image);
  // Docker Hub is no proxy of anybody's; behind a proxy for egress the registry is not reached this way.
  if (path === undefined || registry === 'docker.io' || env.HTTPS_PROXY || env.https_proxy || env.HTTP_PROXY)
    return;
  const scheme = allowsPlainHttp(insecureRegistries, registry) ? 'http' : 'https';
  const url = `${scheme}://${registry}/v2/${path}/manifests/${digest}`;
  const answer = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(lookMs) }).catch(
    () => undefined,
  );
  const type = answer?.headers.get('content-type') ?? '';
  if (answer?.status === 200 && type.includes('html') && !answer.headers.has('docker-content-digest')) {
    throw new SlipwayError(
      'push_rejected',
      `${registry} answers a request for the pushed manifest with a web page (200, ${type}), so it did not store the image.`,
    );
  }
}
