import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { environment, root } from '../setup/commands.mjs';
import { runSuite } from './suite.mjs';

const folders = join(root, '.cache', 'system');
const controlGroups = '/sys/fs/cgroup';
const groupName = (pid) => `slipway-system-${pid}`;
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Runs the command after it in new namespaces, which end with it, and with this process. */
const inNamespaces = (...kinds) => [
  ...['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--mount-proc', '--ipc', ...kinds],
  ...['--fork', '--kill-child', '--'],
];

/**
 * Runs a suite that starts an engine of containers, and returns what `runSuite` returns. `images`: the program of e2e that writes its images.
 * The suite has network, mount, process and IPC namespaces of its own. So its processes, networks and mounts end with it,
 * also when it is interrupted. Its folder and control groups are removed here; those of a killed run, by the next run.
 */
export async function runSystemSuite({ name, config, projects, images: program, marker, output }) {
  mkdirSync(folders, { recursive: true });
  for (const pid of readdirSync(folders)) if (!existsSync(`/proc/${pid}`)) cleanUp(pid);
  const folder = join(realpathSync(folders), String(process.pid));
  const images = join(folder, 'images');
  mkdirSync(images, { recursive: true });
  let running;
  const onStart = (child) => {
    running = child;
  };
  const interrupt = (signal) => {
    const finish = () => {
      cleanUp(process.pid);
      process.exit(128 + constants.signals[signal]);
    };
    if (endNamespaces(running)) running.once('exit', finish);
    else finish();
  };
  for (const signal of signals) process.once(signal, interrupt);
  try {
    const failure = await prepareImages({ program, images, marker, output, onStart });
    if (failure !== undefined) return { name, passed: 0, failed: [`${name}: ${failure}`], left: [] };
    return await runSuite({
      name,
      config,
      projects,
      output,
      marker: {
        ...marker,
        SLIPWAY_SYSTEM_FOLDER: folder,
        SLIPWAY_SYSTEM_CGROUP: `/${groupName(process.pid)}`,
      },
      wrapper: [...inNamespaces('--net'), join(root, 'scripts', 'test', 'own-machine.sh')],
      onStart,
    });
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
    cleanUp(process.pid);
  }
}

/** Returns why there are no images, if there are none. */
async function prepareImages({ program, images, marker, output, onStart }) {
  const [command, ...args] = [
    ...[...inNamespaces(), process.execPath],
    ...[join(root, 'e2e', 'dist', program), images],
  ];
  const child = spawn(command, args, { stdio: ['ignore', output, output], env: environment(marker) });
  onStart(child);
  const [code, signal] = await once(child, 'exit');
  return code === 0 ? undefined : `the images cannot be built: ${signal ?? `exit code ${code}`}`;
}

/** Kills the first process of the namespaces. Its parent ends when all others are gone. Returns whether it ran. */
function endNamespaces(parent) {
  if (parent === undefined || parent.exitCode !== null || parent.signalCode !== null) return false;
  const children = readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').trim();
  for (const pid of children === '' ? [parent.pid] : children.split(' '))
    process.kill(Number(pid), 'SIGKILL');
  return true;
}

function cleanUp(pid) {
  rmSync(join(folders, String(pid)), { recursive: true, force: true });
  if (!existsSync(controlGroups)) return;
  // With cgroup v1 each controller has a tree of its own.
  for (const tree of [
    controlGroups,
    ...readdirSync(controlGroups).map((entry) => join(controlGroups, entry)),
  ])
    removeGroup(join(tree, groupName(pid)));
}

function removeGroup(folder) {
  if (!existsSync(folder)) return;
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(folder, entry.name));
  rmdirSync(folder);
}
