import { hash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { access, constants, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Allowlist, allowsAddress } from '../egress/index.js';
import { shownValue } from '../errors/index.js';
import type { GitConfig, SshHost, SshKey } from './config.js';
import { gitError, unusableKey } from './failures.js';
import type { SshUrl } from './ssh-url.js';

/** Connection data for one repository over ssh. */
export interface SshAccess {
  readonly host: SshHost;
  readonly key: SshKey;
  /** Checked IP addresses. Git connects to the first that answers. */
  readonly addresses: readonly string[];
}

interface AccessOptions {
  readonly url: SshUrl;
  readonly tenant: string;
  readonly config: Pick<GitConfig, 'allowedHosts' | 'ssh'>;
  readonly egressAllow: Allowlist;
}

const isFor = ({ tenants }: SshKey, tenant: string): boolean =>
  tenants.includes('*') || tenants.includes(tenant);

/**
 * Returns the first key of the host that allows the tenant, the user and the repository. Throws `git_unauthorized` if there is
 * none, with the same text for all reasons.
 */
export function sshKey({ url, tenant, config }: Omit<AccessOptions, 'egressAllow'>): {
  readonly host: SshHost;
  readonly key: SshKey;
} {
  const host = config.ssh?.get(url.host);
  const key = host?.keys.find(
    (each) =>
      isFor(each, tenant) &&
      each.user === url.user &&
      (each.repositories?.some((name) => matches(name, url.repository)) ?? true),
  );
  if (host && key) return { host, key };
  throw gitError(
    'git_unauthorized',
    `The installation has no ssh key of the tenant for the repository ${shownValue(url.href)}.`,
    'url',
  );
}

const matches = (pattern: string, repository: string): boolean =>
  pattern.endsWith('/*') ? repository.startsWith(pattern.slice(0, -1)) : repository === pattern;

/**
 * Returns the data that ssh needs to fetch a repository. Throws `git_unauthorized` if the tenant has no key for it, and
 * `git_url_invalid` if an address of the host is neither public nor allowed. A host in the operator's `allowedHosts` may have any
 * address.
 */
export async function sshAccess(options: AccessOptions): Promise<SshAccess> {
  const { url, config, egressAllow } = options;
  const found = sshKey(options);
  const addresses = await lookup(url.hostname, { all: true }).catch(() => {
    throw gitError('git_unreachable', 'The host of the repository has no address.', 'url');
  });
  const named = config.allowedHosts.includes(url.host);
  if (!named && !addresses.every(({ address }) => allowsAddress(egressAllow, address))) {
    throw gitError(
      'git_url_invalid',
      'The URL of the repository leads to an address that this installation does not allow.',
      'url',
    );
  }
  return { ...found, addresses: addresses.map(({ address }) => address) };
}

/** Returns a text that two tenants share only if they may use the same keys for the same repositories. Undefined for a tenant without keys. */
export function sshScope(ssh: GitConfig['ssh'], tenant: string): string | undefined {
  const usable = [...(ssh ?? [])].flatMap(([host, { keys }]) =>
    keys
      .filter((key) => isFor(key, tenant))
      .map(({ publicKey, user, repositories }) => [host, publicKey, user, repositories ?? '*']),
  );
  return usable.length === 0 ? undefined : hash('sha256', JSON.stringify(usable));
}

/** The alias that ssh uses to look up the host's keys. */
const alias = 'slipway';

/** Replaces the ssh configuration of the machine and the user. The key and the known hosts lie beside it. */
const settings = `Host *
  HostKeyAlias ${alias}
  UserKnownHostsFile known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  CheckHostIP no
  UpdateHostKeys no
  VerifyHostKeyDNS no
  NoHostAuthenticationForLocalhost no
  IdentityFile identity
  IdentitiesOnly yes
  IdentityAgent none
  AddKeysToAgent no
  PreferredAuthentications publickey
  PasswordAuthentication no
  KbdInteractiveAuthentication no
  BatchMode yes
  ClearAllForwardings yes
  ForwardAgent no
  ForwardX11 no
  PermitLocalCommand no
  Tunnel no
  ControlMaster no
  ControlPath none
  ProxyCommand none
  RequestTTY no
  EscapeChar none
  ConnectTimeout 15
  ServerAliveInterval 15
  LogLevel ERROR
`;

/** The ssh command for git. It runs in the folder that `writeSshFiles` filled. */
export const sshCommand = 'ssh -F ssh_config';

/**
 * Writes the files that ssh needs to fetch a repository from one address. Throws `git_unauthorized` for an unreadable key, because
 * ssh would silently continue without it.
 */
export async function writeSshFiles(
  folder: string,
  { host, key }: SshAccess,
  address: string,
): Promise<void> {
  await access(key.file, constants.R_OK).catch(() => {
    throw gitError('git_unauthorized', unusableKey, 'url');
  });
  const identity = join(folder, 'identity');
  await rm(identity, { force: true });
  await symlink(key.file, identity);
  await writeFile(join(folder, 'known_hosts'), host.hostKeys.map((line) => `${alias} ${line}\n`).join(''));
  await writeFile(join(folder, 'ssh_config'), `${settings}  HostName ${address.replaceAll('%', '%%')}\n`);
}
