import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findTool } from '@slipway/local';

const exec = promisify(execFile);
const proxyVariables = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

interface BuildRequest {
  readonly context: string;
  /** Relative to the context. Default `Dockerfile`. */
  readonly dockerfile?: string;
  readonly target?: string;
  readonly args?: Readonly<Record<string, string>>;
  /** Secret id → file. */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly image: string;
  /** A file for the image as `docker load` reads it. Without it the image is pushed. */
  readonly archive?: string;
}

export interface ImageBuilder {
  /** Builds an image, and pushes it under its reference or writes its archive; rejects with the end of the build's log. */
  build(request: BuildRequest): Promise<void>;
}

/** Builds images on a running buildkitd with `buildctl`. */
export function createImageBuilder({ address }: { readonly address: string }): ImageBuilder {
  const buildctl = findTool('buildctl');
  if (buildctl === undefined) throw new Error('buildctl is not installed');
  return {
    async build({ context, dockerfile = 'Dockerfile', target, args = {}, secrets = {}, image, archive }) {
      const proxies = proxyVariables.flatMap((name) => {
        const value = process.env[name] ?? process.env[name.toLowerCase()];
        return value === undefined ? [] : [[name, value]];
      });
      const options = [
        ['filename', dockerfile],
        ...(target === undefined ? [] : [['target', target]]),
        ...[...proxies, ...Object.entries(args)].map(([name, value]) => [`build-arg:${name}`, value]),
      ];
      const output =
        archive === undefined ? 'type=image,push=true,registry.insecure=true' : `type=docker,dest=${archive}`;
      await exec(
        buildctl,
        [
          ...['--addr', address, 'build', '--progress', 'plain', '--frontend', 'dockerfile.v0'],
          ...['--local', `context=${context}`, '--local', `dockerfile=${context}`],
          ...options.flatMap(([name, value]) => ['--opt', `${name}=${value}`]),
          ...Object.entries(secrets).flatMap(([id, file]) => ['--secret', `id=${id},src=${file}`]),
          // Uncompressed, because the image stays on this machine and is removed soon.
          ...['--output', `${output},name=${image},compression=uncompressed`],
        ],
        { maxBuffer: 64 * 1024 * 1024 },
      ).catch((error: Error & { stderr?: string }) => {
        throw new Error(`the build of ${image} failed:\n${(error.stderr ?? error.message).slice(-8_000)}`);
      });
    },
  };
}
