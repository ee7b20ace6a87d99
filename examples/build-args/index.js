const { greeting, version } = require('./build-info.json');

process.stdout.write(`${greeting} from version ${version}\n`);
