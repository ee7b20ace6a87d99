import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownBin, root, run } from './commands.mjs';
import { SetupError, say, step } from './output.mjs';
import { pythonWith } from './parts.mjs';

/** Fuzzes the API. `requirements`: where the exact versions of a program and of all that it needs are listed. */
export const schemathesis = { program: 'schemathesis', requirements: ['e2e', 'src', 'fuzz', 'api'] };

/** Generates a client. Beside it is what the Python clients of all generators import. */
export const openapiPythonClient = {
  program: 'openapi-python-client',
  requirements: ['e2e', 'src', 'generators'],
};

/** An S3 server that keeps its data in memory. */
export const moto = { program: 'moto_server', requirements: ['packages', 'local', 'src', 's3'] };

/** Installs a program of PyPI into an environment of this checkout alone, unless these very versions are there. */
export async function installPythonTool({ program, requirements: place }) {
  const requirements = join(root, ...place, 'requirements.txt');
  const folder = join(root, '.cache', program);
  const stamp = join(folder, 'requirements.txt');
  const wanted = readFileSync(requirements, 'utf8');
  // An environment holds its own path: one that was copied from another folder is made again.
  const made = existsSync(stamp) && readFileSync(stamp, 'utf8') === `${folder}\n${wanted}`;
  if (made && existsSync(join(ownBin, program))) {
    say(`${program}: here`);
    return;
  }
  const python = await pythonWith('ensurepip');
  if (python === undefined) throw new SetupError(`${program} needs python3 with its package venv`);
  await step(`${program}: pip install`, async () => {
    rmSync(folder, { recursive: true, force: true });
    await run(python, ['-m', 'venv', folder]);
    await run(join(folder, 'bin', 'pip'), [
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '-r',
      requirements,
    ]);
    mkdirSync(ownBin, { recursive: true });
    rmSync(join(ownBin, program), { force: true });
    symlinkSync(join(folder, 'bin', program), join(ownBin, program));
    writeFileSync(stamp, `${folder}\n${wanted}`);
  });
}
