import { isRunning } from '../../builds/work-dir.js';
import type { ConfiguredEngine, EngineDefinition } from '../engine.js';
import { BuildahEngine } from './buildah.js';

/** buildah: builds as processes of this machine, without a daemon, for sources that the operator trusts. */
export const buildah: EngineDefinition = {
  advice: 'install buildah (on Debian: apt-get install buildah)',
  hasDaemon: false,
  configure(fields): ConfiguredEngine {
    const stateDir = fields.optional('ENGINE_STATE_DIR', {
      doc: 'Where buildah keeps images and layers',
      shownDefault: "the engine's own",
    });
    const trustedSources = fields.bool('BUILDAH_TRUSTED_SOURCES', {
      doc: '`true` lets a buildah older than 1.38.1 run. [The author of a Dockerfile is then root on the builder](../security.md#buildah). The log and `/readyz` warn of it',
      default: false,
    });
    return {
      settings: { engine_state_dir: stateDir ?? 'default', buildah_trusted_sources: trustedSources },
      async open(context) {
        const engine = new BuildahEngine({ ...context, stateDir, trustedSources });
        await engine.prepare(isRunning);
        return engine;
      },
    };
  },
};
