// Compiles src/ into dist/: the messages, a file each, become one module.
const { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { parse } = require('node:path');

const files = readdirSync('src/messages').sort();
const messages = files.map((file) => [parse(file).name, readFileSync(`src/messages/${file}`, 'utf8').trim()]);
mkdirSync('dist', { recursive: true });
writeFileSync('dist/messages.json', JSON.stringify(Object.fromEntries(messages)));
copyFileSync('src/index.js', 'dist/index.js');
process.stdout.write(`compiled ${files.length} messages into dist/\n`);
