import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onFreePort } from './free-port.js';
import { httpAnswers } from './probe.js';
import { type ProcessHandle, startProcess } from './process.js';
import { requireTool } from './tools.js';

export interface RegistryOptions {
  /** Where the images live. */
  readonly dir: string;
  readonly port?: number;
  /** The content of an htpasswd file (bcrypt alone); with it, every call needs a login. */
  readonly htpasswd?: string;
  readonly logFile?: string;
  /** Aborting it while this gets ready ends it. */
  readonly signal?: AbortSignal;
}

export interface RegistryHandle extends ProcessHandle {
  /** `127.0.0.1:PORT`, the domain part of its image references. */
  readonly host: string;
}

/** An image registry (Distribution) on 127.0.0.1, plain http, that also deletes. */
export async function startRegistry(options: RegistryOptions): Promise<RegistryHandle> {
  const command = requireTool('docker-registry');
  const { dir, htpasswd } = options;
  await mkdir(dir, { recursive: true });
  const passwords = join(dir, 'htpasswd');
  if (htpasswd !== undefined) await writeFile(passwords, htpasswd);
  return onFreePort(options.port, async (port) => {
    const host = `127.0.0.1:${port}`;
    const config = join(dir, 'config.yml');
    // JSON is YAML.
    await writeFile(
      config,
      JSON.stringify({
        version: 0.1,
        log: { level: 'warn', accesslog: { disabled: true } },
        storage: { filesystem: { rootdirectory: join(dir, 'data') }, delete: { enabled: true } },
        http: { addr: host },
        ...(htpasswd !== undefined && { auth: { htpasswd: { realm: 'slipway', path: passwords } } }),
      }),
    );
    const handle = await startProcess({
      name: 'registry',
      command,
      args: ['serve', config],
      ready: () => httpAnswers(`http://${host}/v2/`, [200, 401]),
      ...(options.logFile && { logFile: options.logFile }),
      ...(options.signal && { signal: options.signal }),
    });
    return { ...handle, host };
  });
}
