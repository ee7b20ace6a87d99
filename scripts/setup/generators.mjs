import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './commands.mjs';
import { SetupError, say, step } from './output.mjs';
import { installPythonTool, openapiPythonClient } from './python-tools.mjs';

const source = join(root, 'e2e', 'src', 'generators');
const cache = join(root, '.cache', 'generators');
const jar = {
  path: join(cache, 'openapi-generator-cli.jar'),
  url: 'https://repo1.maven.org/maven2/org/openapitools/openapi-generator-cli/7.25.0/openapi-generator-cli-7.25.0.jar',
  sha256: '41ce4f6b07f196676439d710759fa1ced7a08066d06ff1bf314681470289efae',
};

/** Installs the generators and linters of the OpenAPI document, and what generated clients import. The suite has no network to fetch it from. */
export async function installGenerators() {
  mkdirSync(cache, { recursive: true });
  await installPythonTool(openapiPythonClient);
  await downloadJar();
  await installLinters();
  // Quick when all modules are there.
  await run('go', ['mod', 'download'], { cwd: join(source, 'programs', 'go'), env: { GOWORK: 'off' } });
}

async function downloadJar() {
  if (existsSync(jar.path) && sha256(jar.path) === jar.sha256) {
    say('openapi-generator: here');
    return;
  }
  await step('openapi-generator: download', async () => {
    const unfinished = `${jar.path}.unfinished`;
    await run('curl', ['--fail', '--silent', '--show-error', '--location', '--output', unfinished, jar.url]);
    const found = sha256(unfinished);
    if (found !== jar.sha256)
      throw new SetupError(`${jar.url} has the SHA-256 ${found}, not ${jar.sha256}: it was replaced`);
    renameSync(unfinished, jar.path);
  });
}

const sha256 = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** Spectral and Redocly, apart from the packages of this checkout: they bring hundreds of their own. */
async function installLinters() {
  const folder = join(cache, 'lint');
  const lock = 'package-lock.json';
  const wanted = readFileSync(join(source, 'lint', lock), 'utf8');
  const done = join(folder, 'node_modules', '.installed.json');
  if (existsSync(done) && readFileSync(done, 'utf8') === wanted) {
    say('spectral, redocly: here');
    return;
  }
  await step('spectral, redocly: npm ci', async () => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    for (const name of ['package.json', lock]) copyFileSync(join(source, 'lint', name), join(folder, name));
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
    copyFileSync(join(folder, lock), done);
  });
}
