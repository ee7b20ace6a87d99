import { isRunning } from '../../builds/work-dir.js';
import type { ConfiguredEngine, EngineDefinition } from '../engine.js';
import { BuildahEngine } from './buildah.js';

/** buildah: builds as processes of this machine, without a daemon, for sources that the operator trusts. */
export const buildah: EngineDefinition = {
  advice: 'install buildah (on Debian: apt-get install buildah)',
  hasDaemon: false,
  configure(fields): ConfiguredEngine {
    const stateDir = fields.optional('ENGINE_STATE_DIR');
    const trustedSources = fields.bool('BUILDAH_TRUSTED_SOURCES', false);
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
