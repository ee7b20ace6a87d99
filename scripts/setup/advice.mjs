import { output, which } from './commands.mjs';

const installers = [
  { program: 'apt-get', key: 'apt', line: 'apt-get update && apt-get install --no-install-recommends' },
  { program: 'dnf', key: 'dnf', line: 'dnf install' },
  { program: 'apk', key: 'apk', line: 'apk add' },
];

/** Returns how to install missing parts by hand, as lines of text. */
export async function advice(missing) {
  const lines = [`not on this machine: ${missing.map((part) => part.anyOf.join(' or ')).join(', ')}`];
  if (process.platform === 'linux') lines.push(...linux(missing));
  else lines.push('Images are built on Linux only, so on this system Slipway runs in containers.');
  const docker = await output('docker', ['version', '--format', '{{.Server.Version}}']);
  if (docker !== undefined && docker !== '') {
    lines.push(`A Docker engine answers here (${docker}), and Slipway runs on it as well:`, ...compose);
  } else if (process.platform === 'darwin') {
    lines.push(
      'Install an engine first, then start Slipway on it:',
      '  brew install colima docker docker-compose && colima start',
      ...compose,
    );
  } else {
    lines.push('Or install a Docker engine, and run Slipway on that:', ...compose);
  }
  return lines.join('\n  ');
}

const compose = ['  node scripts/secrets.mjs && docker compose up --build'];

function linux(missing) {
  const installer = installers.find(({ program }) => which(program) !== undefined);
  if (installer === undefined)
    return ["Install them with this system's package manager, then run this again."];
  const command = `${installer.line} ${missing.map((part) => part[installer.key]).join(' ')}`;
  const asRoot = process.getuid?.() === 0 ? command : `sudo sh -c '${command}'`;
  return ['Install them, then run this again:', `  ${asRoot}`];
}
