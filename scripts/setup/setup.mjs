import { advice } from './advice.mjs';
import { aptInstall } from './apt.mjs';
import { which } from './commands.mjs';
import { installGenerators } from './generators.mjs';
import { buildGoClients } from './go-clients.mjs';
import { buildGoTools, systemTools, testTools } from './go-tools.mjs';
import { buildKubernetes } from './kubernetes.mjs';
import { SetupError, say } from './output.mjs';
import { missingParts } from './parts.mjs';
import { installPythonTool, moto, schemathesis } from './python-tools.mjs';
import { installRedisServers } from './redis-servers.mjs';
import { build, installPackages, requireNode } from './workspace.mjs';

/**
 * Makes this checkout ready to run: packages, build, and the real parts (Redis, a registry, a build engine).
 * Only what is missing is installed; run again, it changes nothing. Throws SetupError with what to do by hand.
 * `engines`: `one` for a machine that shall run Slipway, `all` for one that shall test it, `docker` for `all` and a Docker engine with compose,
 * `kubernetes` for `docker` and a Kubernetes cluster.
 */
async function setup({ engines }) {
  const started = Date.now();
  requireNode();
  const docker = ['docker', 'kubernetes'].includes(engines);
  await installParts({ engines });
  if (engines !== 'one') {
    await buildGoTools(docker ? [...testTools, ...systemTools] : testTools);
    await buildGoClients();
    await installPythonTool(schemathesis);
    await installPythonTool(moto);
    await installRedisServers();
  }
  if (docker) await installGenerators();
  if (engines === 'kubernetes') await buildKubernetes();
  await installPackages();
  await build();
  say(`ready in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

async function installParts({ engines }) {
  const missing = await missingParts({ engines });
  if (missing.length === 0) {
    say('real parts: all here');
    return;
  }
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || which('apt-get') === undefined) {
    throw new SetupError(await advice(missing));
  }
  await aptInstall(missing);
  const stillMissing = await missingParts({ engines });
  if (stillMissing.length > 0) throw new SetupError(await advice(stillMissing));
}

/** Runs the setup as a program does: a SetupError becomes a message and the exit code 1. */
export async function setupOrExit(options) {
  try {
    await setup(options);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`setup: ${error.message}\n`);
    process.exit(1);
  }
}
