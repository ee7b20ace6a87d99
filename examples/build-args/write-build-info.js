// Build arguments are in the environment of RUN steps, and in no later process: what is needed later has to be kept.
const { writeFileSync } = require('node:fs');

const { VERSION, GREETING } = process.env;
writeFileSync('build-info.json', JSON.stringify({ version: VERSION, greeting: GREETING }));
process.stdout.write(`built with VERSION=${VERSION} and GREETING=${GREETING}\n`);
