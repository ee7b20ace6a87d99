// Makes this checkout ready to run. Usage: node scripts/setup.mjs [--engines=one|all|docker|kubernetes]
// Plain JavaScript without dependencies, for it runs before anything is installed.
import { parseArgs } from 'node:util';
import { setupOrExit } from './setup/setup.mjs';

const { values } = parseArgs({ options: { engines: { type: 'string', default: 'one' } } });
if (!['one', 'all', 'docker', 'kubernetes'].includes(values.engines)) {
  process.stderr.write(`setup: --engines is one, all, docker or kubernetes, not ${values.engines}\n`);
  process.exit(1);
}
await setupOrExit({ engines: values.engines });
