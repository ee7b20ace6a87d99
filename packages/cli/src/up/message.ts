import { join } from 'node:path';
import type { Slipway } from '@slipway/local';
import { type EngineName, engineFacts } from '@slipway/shared/contracts';
import { count } from '@slipway/shared/formatting';
import type { Screen } from '../terminal/terminal.js';
import { table } from '../terminal/text.js';

interface UpMessage {
  readonly slipway: Slipway;
  readonly folder: string;
  readonly screen: Screen;
  readonly slots: number;
}

/** Returns the warning for builds that this machine runs without isolation. */
export function trustNote(engine: EngineName): string[] {
  const { title, isIsolated } = engineFacts[engine];
  if (isIsolated) return [];
  return [`${title} builds as root without isolation: build only sources that you trust on this machine.`];
}

/** Returns the start message: the processes, how to reach them, and the first commands. It names the file of the token, never the token. */
export function upMessage({ slipway, folder, screen, slots }: UpMessage): string[] {
  const { url, tokenFile, registry, engine, parts } = slipway;
  const replicas = parts.filter(({ name }) => name.startsWith('builder ')).length;
  const capacity = `${count(replicas, 'replica')} with ${engineFacts[engine].title}, ${count(slots, 'build')} at once on each`;
  const rows = [
    ['PART', 'WHERE', 'PID'],
    ...parts.map(({ name, address, pid }) => [name, address, String(pid)]),
  ];
  return [
    `${screen.style('green', 'Slipway is up')}: ${capacity}.`,
    ...trustNote(engine),
    '',
    ...table(rows),
    '',
    `Dashboard ${url}/ (sign in with the token below)`,
    `API page  ${url}/docs`,
    `Logs      ${join(folder, 'logs')}`,
    '',
    'Other shells and programs reach it with',
    '',
    `  export SLIPWAY_URL=${url}`,
    `  export SLIPWAY_TOKEN="$(cat '${tokenFile}')"`,
    '',
    'A first build, from a folder with a Dockerfile (the command finds this Slipway automatically):',
    '',
    `  slipway build ./my-function --image ${registry}/my-function:1`,
    '',
    'Ctrl-C stops everything. Built images and queued jobs are kept for the next run.',
  ];
}
