// Adds up the numbers that the modules of generated/ export. `slipway demo` makes 300 of them.
const { existsSync, readdirSync } = require('node:fs');
const { join } = require('node:path');

const folder = join(__dirname, 'generated');
const names = existsSync(folder) ? readdirSync(folder) : [];
const sum = names.reduce((total, name) => total + require(join(folder, name)), 0);
process.stdout.write(`${names.length} modules, their sum is ${sum}\n`);
