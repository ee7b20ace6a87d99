import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownBin, root, run, which } from './commands.mjs';
import { say, step } from './output.mjs';

/** Go programs of this checkout that tests run, with the folder of each. */
const programs = {
  // A client on the Go SDK of OpenFaaS.
  'openfaas-go-sdk-client': ['e2e', 'src', 'clients', 'go'],
  // Applies ignore files with Docker's own libraries.
  'moby-ignore': ['packages', 'source', 'src', 'ignore', 'moby'],
  // Reads Dockerfiles with BuildKit's own frontend.
  'buildkit-images': ['packages', 'shared', 'src', 'dockerfile', 'buildkit'],
};

/** Builds the tests' Go programs. Skips a program that was built from the same files. */
export async function buildGoClients() {
  for (const [program, folder] of Object.entries(programs))
    await buildProgram(program, join(root, ...folder));
}

async function buildProgram(program, source) {
  const stamp = join(root, '.cache', 'setup', program);
  const hash = createHash('sha256');
  for (const name of readdirSync(source).sort()) hash.update(readFileSync(join(source, name)));
  const wanted = hash.digest('hex');
  const present = existsSync(stamp) && existsSync(join(ownBin, program));
  if (present && readFileSync(stamp, 'utf8') === wanted) say(`${program}: here`);
  else if (which('go') === undefined) say(`${program}: left out, there is no Go toolchain to build it with`);
  else {
    await step(`${program}: go build`, async () => {
      mkdirSync(ownBin, { recursive: true });
      await run(
        'go',
        ['build', '-mod=readonly', '-trimpath', '-ldflags=-s -w', '-o', join(ownBin, program), '.'],
        { cwd: source, env: { CGO_ENABLED: '0', GOWORK: 'off' } },
      );
      mkdirSync(join(stamp, '..'), { recursive: true });
      writeFileSync(stamp, wanted);
    });
  }
}
