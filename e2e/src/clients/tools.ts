import { spawnSync } from 'node:child_process';
import { findTool } from '@slipway/local';

const setup = 'run `node scripts/setup.mjs --engines=all`';

/** The program in `go/`, which the setup builds. */
export function sdkClient(): string {
  const path = findTool('openfaas-go-sdk-client');
  if (path === undefined) throw new Error(`openfaas-go-sdk-client is missing: ${setup} with Go on PATH`);
  return path;
}

/** A Python that can import `requests`: the first on PATH, or the system's own. */
export function pythonWithRequests(): string {
  const [found] = ['python3', '/usr/bin/python3'].filter(
    (python) => spawnSync(python, ['-c', 'import requests']).status === 0,
  );
  if (found === undefined) throw new Error(`no python3 with the package requests is here: ${setup}`);
  return found;
}
