import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createRepository, type TestRepository } from './repository.js';

type KeyType = 'ed25519' | 'ecdsa' | 'rsa';

export interface SshServer {
  /** `address:port`, without the port if it is 22. */
  readonly host: string;
  /** The user of this process, who may log in. */
  readonly user: string;
  /** The host key as `type base64`, the form of the setting. */
  readonly hostKey: string;
  /** Connections since the start. */
  readonly connections: number;
  /** Creates a key that may read all repositories, or the named ones. Returns the private key's file. */
  key(repositories?: readonly string[]): string;
  /** Creates a key that sshd refuses. */
  strangeKey(options?: { readonly passphrase?: string; readonly type?: KeyType }): string;
  /** Makes sshd use a new host key from now on, and returns it. */
  changeHostKey(type?: KeyType): string;
  /** Returns the repository `name`, such as `acme/shop`. */
  repository(name: string): TestRepository;
  stop(): Promise<void>;
}

/** Serves one call, as `git@host` of a forge does. `$1` is the file with the key's repositories. */
const serve = `#!/bin/sh
path=$(printf %s "$SSH_ORIGINAL_COMMAND" | sed -n "s|^git-upload-pack '/*\\(.*\\)'$|\\1|p")
name=\${path%.git}
if [ -z "$name" ] || { ! grep -qx -e "$name" -e '[*]' "$1"; } || [ ! -d "$ROOT/$name.git" ]; then
  echo 'ERROR: Repository not found.' >&2
  exit 1
fi
exec git upload-pack "$ROOT/$name.git"
`;

/** Starts a real sshd for each connection to a loopback port, with its own host key, users' keys and repositories. */
export async function startSshServer({ address = '127.0.0.1', port: wanted = 0 } = {}): Promise<SshServer> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-ssh-server-'));
  const file = (name: string) => join(root, name);
  let keys = 0;
  const newKey = (type: KeyType = 'ed25519', passphrase = '') => {
    const path = file(`key-${++keys}`);
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', '', '-f', path]);
    return path;
  };
  const publicKey = (path: string) => readFileSync(`${path}.pub`, 'utf8').trim();
  let hostKeyFile = newKey();
  writeFileSync(file('authorized_keys'), '');
  writeFileSync(file('serve'), serve.replaceAll('$ROOT', root), { mode: 0o755 });
  const configure = () => writeFileSync(file('sshd_config'), sshdConfig(root, hostKeyFile));
  configure();
  // The privilege separation folder of a root sshd.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });

  const running = new Set<ChildProcess>();
  let connections = 0;
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    connections++;
    const child = spawn('/usr/sbin/sshd', ['-i', '-f', file('sshd_config')], {
      stdio: [socket, socket, 'ignore'],
      env: { PATH: process.env.PATH },
    });
    running.add(child);
    child.once('close', () => {
      running.delete(child);
      socket.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(wanted, address, resolve));
  const { port } = server.address() as AddressInfo;
  const { username: user } = userInfo();
  const host = port === 22 ? address : `${address}:${port}`;
  return {
    host,
    user,
    get hostKey() {
      return publicKey(hostKeyFile);
    },
    get connections() {
      return connections;
    },
    key(repositories = ['*']) {
      const path = newKey();
      writeFileSync(`${path}.readable`, `${repositories.join('\n')}\n`);
      const command = `command="${file('serve')} ${path}.readable"`;
      appendFileSync(file('authorized_keys'), `restrict,${command} ${publicKey(path)}\n`);
      return path;
    },
    strangeKey: ({ type, passphrase } = {}) => newKey(type, passphrase),
    changeHostKey(type) {
      hostKeyFile = newKey(type);
      configure();
      return publicKey(hostKeyFile);
    },
    repository(name) {
      mkdirSync(join(root, name, '..'), { recursive: true });
      return createRepository(root, name, `ssh://${user}@${host}/${name}.git`);
    },
    async stop() {
      const ended = [...running].map((child) => new Promise((resolve) => child.once('close', resolve)));
      for (const child of running) child.kill('SIGKILL');
      await Promise.all([...ended, new Promise((resolve) => server.close(resolve))]);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

const sshdConfig = (root: string, hostKeyFile: string) => `HostKey ${hostKeyFile}
AuthorizedKeysFile ${join(root, 'authorized_keys')}
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AcceptEnv GIT_PROTOCOL
PidFile none
LogLevel QUIET
`;
