const messages = require('./messages.json');

process.stdout.write(`${messages[process.env.LANGUAGE] ?? messages.en}\n`);
