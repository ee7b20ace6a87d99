// Generates the OpenAPI document, the client's types, the page of error codes, the tables of settings and those of the chart's values. Needs a
// build (`pnpm build`). It also copies rules, alerts and dashboards into the Helm chart, which can read only files of its own folder.
// Usage: node scripts/generate.mjs [--check]     --check changes nothing, and fails when the committed files are stale
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chartFiles } from './chart-files.mjs';
import { chartReadme } from './chart-values.mjs';
import { errorsPage } from './errors-page.mjs';
import { settingsPage } from './settings-page.mjs';
import { root, run } from './setup/commands.mjs';

const client = join(root, 'packages', 'client');
const targets = {
  document: join(client, 'openapi.json'),
  types: join(client, 'src', 'schema.ts'),
  errors: join(root, 'docs', 'errors.md'),
  settings: join(root, 'docs', 'operations', 'settings.md'),
  chart: join(root, 'deploy', 'helm', 'slipway', 'README.md'),
};
const generator = join(
  dirname(createRequire(join(client, 'package.json')).resolve('openapi-typescript/package.json')),
  'bin',
  'cli.js',
);
// Beside the targets, so that each can be renamed into place.
const folder = mkdtempSync(join(root, '.generated-'));
const made = {
  document: join(folder, 'openapi.json'),
  types: join(folder, 'schema.ts'),
  errors: join(folder, 'errors.md'),
  settings: join(folder, 'settings.md'),
  chart: join(folder, 'README.md'),
};
try {
  await run(process.execPath, [join(root, 'services', 'api', 'dist', 'openapi', 'write.js'), made.document]);
  await run(process.execPath, [
    generator,
    made.document,
    '--output',
    made.types,
    '--default-non-nullable=false',
  ]);
  const table = join(root, 'packages', 'shared', 'dist', 'errors', 'index.js');
  const errors = await import(table);
  writeFileSync(made.errors, errorsPage(errors));
  writeFileSync(
    made.settings,
    settingsPage(readFileSync(targets.settings, 'utf8'), await declaredByService()),
  );
  const values = readFileSync(join(dirname(targets.chart), 'values.yaml'), 'utf8');
  writeFileSync(made.chart, chartReadme(readFileSync(targets.chart, 'utf8'), values));
  const copies = chartFiles().map(({ source, target }, index) => {
    const copy = join(folder, `chart-file-${index}`);
    writeFileSync(copy, readFileSync(source));
    return [copy, target];
  });
  const generated = [...Object.entries(targets).map(([name, target]) => [made[name], target]), ...copies];
  for (const [file, target] of generated) {
    if (!process.argv.includes('--check')) {
      mkdirSync(dirname(target), { recursive: true });
      renameSync(file, target);
    } else if (!existsSync(target) || readFileSync(file, 'utf8') !== readFileSync(target, 'utf8')) {
      process.stderr.write(`${target} is not what the code says now: run pnpm generate\n`);
      process.exitCode = 1;
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Returns the settings that each service declares. */
async function declaredByService() {
  const of = (service) => import(join(root, 'services', service, 'dist', 'config.js'));
  const { declaredSettings } = await import(join(root, 'packages', 'shared', 'dist', 'config', 'index.js'));
  const [api, worker, builder] = await Promise.all(['api', 'worker', 'builder'].map(of));
  return {
    api: declaredSettings(api.apiConfig),
    worker: declaredSettings((fields) => worker.workerConfig(fields, {})),
    builder: declaredSettings((fields) => builder.builderConfig(fields, {})),
  };
}
