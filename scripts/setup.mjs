// Makes this checkout ready to run. Usage: node scripts/setup.mjs [--engines=one|all]
// Plain JavaScript without dependencies, for it runs before anything is installed.
import { parseArgs } from 'node:util';
import { setupOrExit } from './setup/setup.mjs';

const { values } = parseArgs({ options: { engines: { type: 'string', default: 'one' } } });
if (values.engines !== 'one' && values.engines !== 'all') {
  process.stderr.write(`setup: --engines is one or all, not ${values.engines}\n`);
  process.exit(1);
}
await setupOrExit({ engines: values.engines });
