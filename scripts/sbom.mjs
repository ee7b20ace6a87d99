// Writes the production dependencies of each service, with versions, hashes and licences, as CycloneDX: sbom/<service>.cdx.json.
// Usage: node scripts/sbom.mjs [folder]
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from './setup/commands.mjs';
import { pnpm } from './supply/pnpm.mjs';

const folder = resolve(process.argv[2] ?? join(root, 'sbom'));
mkdirSync(folder, { recursive: true });
for (const service of ['api', 'worker', 'builder']) {
  const out = join(folder, `${service}.cdx.json`);
  // As deploy/Dockerfile does.
  const args = [
    '--filter',
    `@slipway/${service}`,
    'sbom',
    '--prod',
    '--sbom-type=application',
    '--sbom-format=cyclonedx',
    '--out',
    out,
  ];
  const { code, stderr } = await pnpm({ cwd: root, args });
  if (code !== 0) throw new Error(`pnpm sbom ended with ${code}: ${stderr}`);
  process.stdout.write(`written: ${out}\n`);
}
