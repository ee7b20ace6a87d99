import { parseImageReference } from '@slipway/shared/contracts';
import { isLoopbackRegistry } from '@slipway/shared/registry-hosts';
import type { ConfiguredEngine, EngineDefinition } from '../engine.js';
import { BuildkitEngine } from './buildkit.js';

/** BuildKit: isolated builds by a daemon, here or elsewhere. */
export const buildkit: EngineDefinition = {
  advice:
    'start a buildkitd (https://github.com/moby/buildkit/releases), with BUILDKIT_HOST naming its address',
  hasDaemon: true,
  configure(fields): ConfiguredEngine {
    const address =
      fields.parsed('BUILDKIT_HOST', {
        doc: 'The BuildKit daemon',
        parse: buildkitHost,
        default: 'unix:///run/buildkit/buildkitd.sock',
      }) ?? '';
    const sbomScanner = fields.optionalParsed('BUILDER_SBOM_SCANNER', {
      doc: 'The image that makes SBOMs (BuildKit)',
      parse: image,
    });
    return {
      settings: { buildkit_host: address, sbom_scanner: sbomScanner ?? 'none' },
      async open({ takesSecrets, logger, ...context }) {
        const warnings =
          takesSecrets && crossesNetwork(address)
            ? ['build secrets go to BuildKit over a network connection that is not encrypted']
            : [];
        return new BuildkitEngine({ ...context, logger, address, sbomScanner, warnings });
      },
    };
  },
};

function buildkitHost(raw: string): string {
  if (!/^(unix|tcp):\/\//.test(raw)) throw new Error('must start with unix:// or tcp://');
  return raw;
}

function crossesNetwork(address: string): boolean {
  const [, scheme, host = ''] = /^(\w+):\/\/(.*)$/.exec(address) ?? [];
  return scheme === 'tcp' && !isLoopbackRegistry(host);
}

function image(raw: string): string {
  if (!parseImageReference(raw)) throw new Error(`is '${raw}', which is no image reference`);
  return raw;
}
