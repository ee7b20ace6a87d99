import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { onFreePort } from '../free-port.js';
import { httpAnswers } from '../probe.js';
import { type ProcessHandle, startProcess } from '../process.js';
import { temporaryFolder } from '../temporary-folder.js';
import { requireTool } from '../tools.js';
import {
  credentialsEnv,
  defaultBucket,
  defaultCredentials,
  type S3Credentials,
  type S3Handle,
  type S3Options,
} from './s3-server.js';

export interface VersitygwOptions extends S3Options {
  /** Where its data lives. Left out: a temporary folder, removed when it is stopped. */
  readonly dir?: string;
  readonly credentials?: S3Credentials;
  /** More arguments of the program, such as `--readonly`. */
  readonly args?: readonly string[];
}

const healthPath = '/healthz';

/** Starts an S3 server (versitygw) over a folder on 127.0.0.1. It refuses wrong signatures and checksums, and keeps its data. */
export async function startVersitygw(options: VersitygwOptions = {}): Promise<S3Handle> {
  const command = requireTool('versitygw');
  const { bucket = defaultBucket, credentials = defaultCredentials } = options;
  const temporary = options.dir === undefined ? await temporaryFolder() : undefined;
  const dir = options.dir ?? temporary?.path ?? '';
  const [root, sidecar] = [join(dir, 'root'), join(dir, 'sidecar')];
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = credentialsEnv(credentials);
  try {
    // A folder below the root is a bucket of the root user.
    await mkdir(join(root, bucket), { recursive: true });
    await mkdir(sidecar, { recursive: true });
    return await onFreePort(options.port, async (port) => {
      const endpoint = `http://127.0.0.1:${port}`;
      const handle = await startProcess({
        name: 'versitygw',
        command,
        args: [
          ...['--port', `127.0.0.1:${port}`, '--health', healthPath, '--quiet', '--keep-alive'],
          ...(options.args ?? []),
          // Not every file system keeps extended attributes, so the metadata is in files outside the root.
          ...['posix', '--sidecar', sidecar, root],
        ],
        env: {
          PATH: process.env.PATH,
          ROOT_ACCESS_KEY: AWS_ACCESS_KEY_ID,
          ROOT_SECRET_KEY: AWS_SECRET_ACCESS_KEY,
        },
        cwd: dir,
        ready: () => httpAnswers(endpoint + healthPath, [200]),
        ...(options.logFile && { logFile: options.logFile }),
        ...(options.signal && { signal: options.signal }),
      });
      const stop: ProcessHandle['stop'] = async (stopping) => {
        await handle.stop(stopping);
        await temporary?.remove();
      };
      return { ...handle, stop, endpoint, port, bucket, credentials };
    });
  } catch (error) {
    await temporary?.remove();
    throw error;
  }
}
