import { onFreePort } from '../free-port.js';
import { httpAnswers } from '../probe.js';
import { startProcess } from '../process.js';
import { requireTool } from '../tools.js';
import { defaultBucket, defaultCredentials, type S3Handle, type S3Options } from './s3-server.js';

/** Starts an S3 server that keeps its data in memory (moto) on 127.0.0.1. It accepts every signature and wrong checksums. */
export async function startMoto(options: S3Options = {}): Promise<S3Handle> {
  const command = requireTool('moto_server');
  const { bucket = defaultBucket } = options;
  return await onFreePort(options.port, async (port) => {
    const endpoint = `http://127.0.0.1:${port}`;
    const handle = await startProcess({
      name: 'moto',
      command,
      args: ['--host', '127.0.0.1', '--port', String(port)],
      ready: () => httpAnswers(`${endpoint}/moto-api/data.json`, [200]),
      ...(options.logFile && { logFile: options.logFile }),
      ...(options.signal && { signal: options.signal }),
    });
    const created = await fetch(`${endpoint}/${bucket}`, { method: 'PUT' });
    if (!created.ok) {
      await handle.stop();
      throw new Error(`moto created no bucket ${bucket}: ${created.status} ${await created.text()}`);
    }
    return { ...handle, endpoint, port, bucket, credentials: defaultCredentials };
  });
}
