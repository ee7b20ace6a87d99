import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownBin, root, run, which } from './commands.mjs';
import { say, step } from './output.mjs';

const program = 'openfaas-go-sdk-client';
const source = join(root, 'e2e', 'src', 'clients', 'go');
const stamp = join(root, '.cache', 'setup', program);

/** Builds the tests' client on the Go SDK of OpenFaaS, unless that was done for these very files. */
export async function buildGoClients() {
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
