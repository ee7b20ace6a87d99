import { onFreePort } from '../free-port.js';
import { httpAnswers } from '../probe.js';
import { type ProcessHandle, type ProcessOptions, startProcess } from '../process.js';
import { requireTool } from '../tools.js';
import { createFaultyProxy, type FaultyProxy } from './faulty-proxy.js';

export interface ToxiproxyHandle extends ProcessHandle {
  /** Opens a TCP proxy before a port of 127.0.0.1. The name is unique. */
  proxy(name: string, upstreamPort: number): Promise<FaultyProxy>;
}

/** Starts a toxiproxy on 127.0.0.1: TCP proxies whose connections get faults while they run. */
export async function startToxiproxy(
  options: Pick<ProcessOptions, 'logFile' | 'signal'> = {},
): Promise<ToxiproxyHandle> {
  const command = requireTool('toxiproxy-server');
  return await onFreePort(undefined, async (port) => {
    const control = `http://127.0.0.1:${port}`;
    const handle = await startProcess({
      name: 'toxiproxy',
      command,
      args: ['-host', '127.0.0.1', '-port', String(port)],
      ready: () => httpAnswers(`${control}/version`, [200]),
      ...options,
    });
    return {
      ...handle,
      proxy: (name, upstreamPort) => createFaultyProxy({ control, name, upstreamPort }),
    };
  });
}
